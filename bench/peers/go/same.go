// The work that the apps do besides, as is usual in Go: for each request an id, metrics, a log line, a deadline,
// compression and security headers; for each commit its GTID, and whether a replica acknowledged it.
package main

import (
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	deadline = 12 * time.Second

	// As long as write-app believes an answer about the commits before.
	recent = 250 * time.Millisecond

	lastGTID = "SELECT gtid FROM performance_schema.events_transactions_current " +
		"WHERE thread_id = PS_CURRENT_THREAD_ID() AND state = 'COMMITTED'"

	semiSyncStatus = "SELECT " +
		"MAX(IF(variable_name = 'Rpl_semi_sync_source_status', variable_value, NULL)), " +
		"MAX(IF(variable_name = 'Rpl_semi_sync_source_no_tx', variable_value, NULL)), " +
		"MAX(IF(variable_name = 'Rpl_semi_sync_source_clients', variable_value, NULL)) " +
		"FROM performance_schema.global_status WHERE variable_name IN ('Rpl_semi_sync_source_status', " +
		"'Rpl_semi_sync_source_no_tx', 'Rpl_semi_sync_source_clients')"
)

var (
	answered = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_total", Help: "Requests that were answered",
	}, []string{"route", "method", "code"})
	seconds = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Time from a request to its answer",
		Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
	}, []string{"route", "method", "code"})
	underWay = promauto.NewGauge(prometheus.GaugeOpts{
		Name: "http_requests_under_way", Help: "Requests without an answer yet",
	})
	queries = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "database_queries_total", Help: "Queries made for requests",
	}, []string{"pod", "outcome"})

	headers = map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; " +
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "same-origin",
		"Cache-Control":                "no-store",
	}
)

// layered does the work of a request on a route.
func layered(route string, handler http.HandlerFunc) http.Handler {
	labels := prometheus.Labels{"route": route}
	layers := gzhttp.GzipHandler(withHeaders(withDeadline(handler)))
	layers = promhttp.InstrumentHandlerCounter(answered.MustCurryWith(labels), layers)
	layers = promhttp.InstrumentHandlerDuration(seconds.MustCurryWith(labels), layers)
	return promhttp.InstrumentHandlerInFlight(underWay, identified(route, layers))
}

// identified gives the request an id, and writes its log line.
func identified(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, id := time.Now(), r.Header.Get("X-Request-Id")
		if id == "" || len(id) > 64 {
			id = uuid.NewString()
		}
		w.Header().Set("X-Request-Id", id)
		noted := &statusWriter{w, http.StatusOK}
		next.ServeHTTP(noted, r)
		slog.Info("answered", "id", id, "method", r.Method, "route", route, "status", noted.status,
			"milliseconds", float64(time.Since(start).Microseconds())/1000)
	})
}

// statusWriter notes the status for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		w.Header().Add("Vary", "accept")
		next.ServeHTTP(w, r)
	})
}

// count counts the query of a request in the form that has metrics.
func (s *server) count(pod string, err error) {
	if !s.same {
		return
	}
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	queries.WithLabelValues(pod, outcome).Inc()
}

func withDeadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), deadline)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// commit is what MySQL says of one.
type commit struct {
	GTID         string `json:"gtid,omitempty"`
	Acknowledged *bool  `json:"acknowledged,omitempty"`
	Replicas     *int   `json:"replicas,omitempty"`
	Milliseconds int64  `json:"commit_ms,omitempty"`
}

// insertAndAsk registers a user, and asks on the same connection about the commit.
func (s *server) insertAndAsk(ctx context.Context, name, email string) (id int64, c commit, err error) {
	connection, err := s.db.Conn(ctx)
	if err != nil {
		return 0, c, err
	}
	defer connection.Close()
	before, err := s.semiSync.askedAfter(ctx, connection, time.Now().Add(-recent))
	if err != nil {
		return 0, c, err
	}
	sent := time.Now()
	result, err := connection.ExecContext(ctx, register, name, email)
	if err != nil {
		return 0, c, err
	}
	committed := time.Now()
	c.Milliseconds = max(1, committed.Sub(sent).Milliseconds())
	if err := connection.QueryRowContext(ctx, lastGTID).Scan(&c.GTID); err != nil {
		return 0, c, err
	}
	after, err := s.semiSync.askedAfter(ctx, connection, committed)
	if err != nil {
		return 0, c, err
	}
	isAcknowledged := after.status.String == "ON" && after.unacknowledged == before.unacknowledged
	c.Acknowledged = &isAcknowledged
	if replicas, err := strconv.Atoi(after.replicas.String); err == nil {
		c.Replicas = &replicas
	}
	id, err = result.LastInsertId()
	return id, c, err
}

// semiSync is the primary's latest answer about semi-synchronous replication. One answer serves all requests that wait.
type semiSync struct {
	mutex  sync.Mutex
	asked  time.Time
	answer semiSyncAnswer
}

type semiSyncAnswer struct{ status, unacknowledged, replicas sql.NullString }

func (s *semiSync) askedAfter(ctx context.Context, c *sql.Conn, moment time.Time) (semiSyncAnswer, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.asked.After(moment) {
		return s.answer, nil
	}
	asked := time.Now()
	var a semiSyncAnswer
	err := c.QueryRowContext(ctx, semiSyncStatus).Scan(&a.status, &a.unacknowledged, &a.replicas)
	if err == nil {
		s.asked, s.answer = asked, a
	}
	return a, err
}
