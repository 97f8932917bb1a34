// The work that the apps do besides, as is usual with fastify: for each request an id, metrics, a deadline, compression
// and security headers; for each commit its GTID, and whether a replica acknowledged it.
'use strict'

const { randomUUID } = require('node:crypto')
const client = require('prom-client')

// As long as write-app believes an answer about the commits before, in milliseconds.
const RECENT = 250

const SEMI_SYNC = `SELECT
  MAX(IF(variable_name = 'Rpl_semi_sync_source_status', variable_value, NULL)) AS status,
  MAX(IF(variable_name = 'Rpl_semi_sync_source_no_tx', variable_value, NULL)) AS unacknowledged,
  MAX(IF(variable_name = 'Rpl_semi_sync_source_clients', variable_value, NULL)) AS replicas
  FROM performance_schema.global_status WHERE variable_name IN ('Rpl_semi_sync_source_status',
  'Rpl_semi_sync_source_no_tx', 'Rpl_semi_sync_source_clients')`

const answered = new client.Counter({
  name: 'http_requests_total',
  help: 'Requests that were answered',
  labelNames: ['method', 'route', 'status']
})
const seconds = new client.Histogram({
  name: 'http_request_duration_seconds',
  help: 'Time from a request to its answer',
  labelNames: ['method', 'route', 'status'],
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
})
const underWay = new client.Gauge({ name: 'http_requests_under_way', help: 'Requests without an answer yet' })
const queries = new client.Counter({
  name: 'database_queries_total',
  help: 'Queries made for requests',
  labelNames: ['pod', 'outcome']
})

const options = { genReqId: () => randomUUID(), requestIdHeader: 'x-request-id', handlerTimeout: 12_000 }

const none = ["'none'"]
const self = ["'self'"]
const directives = {
  defaultSrc: none,
  styleSrc: self,
  imgSrc: self,
  scriptSrc: self,
  connectSrc: self,
  formAction: self,
  baseUri: none,
  frameAncestors: none
}

async function prepare (app, pool) {
  await app.register(require('@fastify/helmet'), { contentSecurityPolicy: { useDefaults: false, directives } })
  await app.register(require('@fastify/compress'))
  app.addHook('onRequest', async (request, reply) => {
    underWay.inc()
    reply.headers({ 'x-request-id': request.id, 'cache-control': 'no-store', vary: 'accept' })
  })
  app.addHook('onResponse', async (request, reply) => {
    underWay.dec()
    const labels = { method: request.method, route: request.routeOptions.url, status: reply.statusCode }
    answered.inc(labels)
    seconds.observe(labels, reply.elapsedTime / 1000)
  })
  app.get('/metrics', async (request, reply) => {
    reply.type(client.register.contentType)
    return client.register.metrics()
  })
  // MySQL sends the GTID of a commit with its answer, and mysql2 reads it.
  pool.pool.on('connection', (connection) => connection.query('SET SESSION session_track_gtids = OWN_GTID'))
}

function count (pod) {
  queries.inc({ pod, outcome: 'ok' })
}

// The primary's latest answer about semi-synchronous replication. One answer serves all requests that wait.
let asking = { asked: -Infinity, answer: null }

function askedAfter (connection, moment) {
  if (asking.asked <= moment) {
    const answer = connection.execute(SEMI_SYNC).then(([[row]]) => row)
    asking = { asked: performance.now(), answer }
  }
  return asking.answer
}

async function insertAndAsk (pool, statement, values) {
  const connection = await pool.getConnection()
  try {
    const before = await askedAfter(connection, performance.now() - RECENT)
    const sent = performance.now()
    const [result] = await connection.execute(statement, values)
    const committed = performance.now()
    const after = await askedAfter(connection, committed)
    count('mysql-0')
    return {
      id: result.insertId,
      gtid: result.stateChanges?.gtids[0],
      acknowledged: after.status === 'ON' && after.unacknowledged === before.unacknowledged,
      replicas: Number(after.replicas),
      commit_ms: Math.ceil(committed - sent)
    }
  } finally {
    connection.release()
  }
}

module.exports = { options, prepare, count, insertAndAsk }
