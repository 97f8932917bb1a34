// The two endpoints of the apps, as is usual in Node: fastify and mysql2. With the argument "same" it does what the
// apps do besides (same.js).
'use strict'

const fastify = require('fastify')
const mysql = require('mysql2/promise')
const same = process.argv[2] === 'same' ? require('./same.js') : null

const IDENTITY = 'SELECT @@report_host AS pod'
const NEWEST = 'SELECT id, name, email, created_at FROM users ORDER BY id DESC LIMIT 50'
const REGISTER = 'INSERT INTO users (name, email) VALUES (?, ?)'

const { DB_HOST, DB_USER, DB_PASSWORD, DB_NAME, LISTEN } = process.env

const pool = mysql.createPool({
  host: DB_HOST,
  user: DB_USER,
  password: DB_PASSWORD,
  database: DB_NAME,
  // The same number as in write-app.
  connectionLimit: 20,
  timezone: 'Z',
  // The demo's MySQL servers have self-signed certificates.
  ssl: { rejectUnauthorized: false }
})

// Write log lines for each request, as the apps do.
const app = fastify({ logger: true, ...same?.options })

// Send both queries over one connection, so the pod in the response is the one that returned the rows.
async function users () {
  const connection = await pool.getConnection()
  try {
    const [[{ pod }]] = await connection.execute(IDENTITY)
    const [rows] = await connection.execute(NEWEST)
    const users = rows.map((row) => ({ ...row, created_at: row.created_at.toUTCString() }))
    same?.count(pod)
    return { success: true, users, mysql_pod: pod }
  } finally {
    connection.release()
  }
}

const submission = {
  type: 'object',
  required: ['name', 'email'],
  properties: { name: { type: 'string', minLength: 1 }, email: { type: 'string', pattern: '@' } }
}

async function insert (values) {
  if (same) return same.insertAndAsk(pool, REGISTER, values)
  const [result] = await pool.execute(REGISTER, values)
  return { id: result.insertId }
}

async function submit (request, reply) {
  try {
    const inserted = await insert([request.body.name, request.body.email])
    return { success: true, message: 'User registered successfully!', ...inserted }
  } catch (error) {
    if (error.code !== 'ER_DUP_ENTRY') throw error
    return reply.code(409).send({ success: false, message: 'This email is registered already.' })
  }
}

async function main () {
  await same?.prepare(app, pool)
  app.get('/users', users)
  app.post('/submit', { schema: { body: submission } }, submit)
  const [host, port] = LISTEN.split(':')
  await app.listen({ host, port: Number(port) })
}

main()
