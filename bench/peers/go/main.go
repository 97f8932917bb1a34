// The two endpoints of the apps, as is usual in Go: net/http and database/sql. With the argument "same" it does what the
// apps do besides (same.go).
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// The same number as in write-app.
	connections = 20

	identity = "SELECT @@report_host"
	newest   = "SELECT id, name, email, created_at FROM users ORDER BY id DESC LIMIT 50"
	register = "INSERT INTO users (name, email) VALUES (?, ?)"

	duplicateEntry = 1062
)

type server struct {
	db       *sql.DB
	same     bool
	semiSync semiSync
}

type user struct {
	ID        uint64 `json:"id"`
	Name      string `json:"name"`
	Email     string `json:"email"`
	CreatedAt string `json:"created_at"`
}

type usersBody struct {
	Success bool   `json:"success"`
	Users   []user `json:"users"`
	Pod     string `json:"mysql_pod"`
}

type messageBody struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	ID      int64  `json:"id,omitempty"`
	commit
}

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	s, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	if s.same {
		mux.Handle("GET /users", layered("/users", s.users))
		mux.Handle("POST /submit", layered("/submit", s.submit))
		mux.Handle("GET /metrics", promhttp.Handler())
	} else {
		mux.Handle("GET /users", logged(s.users))
		mux.Handle("POST /submit", logged(s.submit))
	}
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), mux))
}

func connect() (*server, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", os.Getenv("DB_HOST")+":3306"
	config.User, config.Passwd, config.DBName = os.Getenv("DB_USER"), os.Getenv("DB_PASSWORD"), os.Getenv("DB_NAME")
	// The demo's MySQL servers have self-signed certificates.
	config.TLSConfig, config.ParseTime = "skip-verify", true
	// Send a statement in one round trip; preparing it would take three.
	config.InterpolateParams = true
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &server{db: db, same: len(os.Args) > 1 && os.Args[1] == "same"}, nil
}

func (s *server) users(w http.ResponseWriter, r *http.Request) {
	pod, users, err := s.read(r.Context())
	s.count(pod, err)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, usersBody{true, users, pod})
}

// read sends both queries over one connection, so the pod in the response is the one that returned the rows.
func (s *server) read(ctx context.Context) (pod string, users []user, err error) {
	connection, err := s.db.Conn(ctx)
	if err != nil {
		return "", nil, err
	}
	defer connection.Close()
	if err := connection.QueryRowContext(ctx, identity).Scan(&pod); err != nil {
		return "", nil, err
	}
	rows, err := connection.QueryContext(ctx, newest)
	if err != nil {
		return "", nil, err
	}
	defer rows.Close()
	users = make([]user, 0, 50)
	for rows.Next() {
		var u user
		var at time.Time
		if err := rows.Scan(&u.ID, &u.Name, &u.Email, &at); err != nil {
			return "", nil, err
		}
		u.CreatedAt = at.UTC().Format(http.TimeFormat)
		users = append(users, u)
	}
	return pod, users, rows.Err()
}

func (s *server) submit(w http.ResponseWriter, r *http.Request) {
	var typed struct{ Name, Email string }
	if err := json.NewDecoder(r.Body).Decode(&typed); err != nil {
		reply(w, http.StatusBadRequest, messageBody{Message: "The body must be JSON."})
		return
	}
	if typed.Name == "" || !strings.Contains(typed.Email, "@") {
		reply(w, http.StatusUnprocessableEntity, messageBody{Message: "A name and an email are needed."})
		return
	}
	id, commit, err := s.insert(r.Context(), typed.Name, typed.Email)
	s.count("", err)
	var refused *mysql.MySQLError
	if errors.As(err, &refused) && refused.Number == duplicateEntry {
		reply(w, http.StatusConflict, messageBody{Message: "This email is registered already."})
		return
	}
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, messageBody{true, "User registered successfully!", id, commit})
}

func (s *server) insert(ctx context.Context, name, email string) (int64, commit, error) {
	if s.same {
		return s.insertAndAsk(ctx, name, email)
	}
	result, err := s.db.ExecContext(ctx, register, name, email)
	if err != nil {
		return 0, commit{}, err
	}
	id, err := result.LastInsertId()
	return id, commit{}, err
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Error("response", "error", err)
	}
}

func fail(w http.ResponseWriter, err error) {
	slog.Error("database", "error", err)
	reply(w, http.StatusInternalServerError, messageBody{Message: "The database did not answer."})
}

// logged writes one log line for each request, as the apps do.
func logged(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		next(w, r)
		slog.Info("request", "method", r.Method, "path", r.URL.Path, "took", time.Since(start))
	})
}
