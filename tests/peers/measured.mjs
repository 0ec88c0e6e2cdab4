#!/usr/bin/env node
// The gateway that `bench/` measures Baileys behind: as little as sends what is posted and posts what comes. Settings: BAILEYS (6 or
// 7), PORT, FOLDER (of sessions, one folder each), WEBHOOK, WHATSAPP_WS_URL, SIMULATOR_ROOT (in hex; 7 checks the server's
// certificate).
// GET /sessions; POST /sessions {name}; POST /send {session,to,text}.

import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import pino from 'pino'
import { loadLibrary } from './src/client.mjs'

const { PORT, FOLDER, WEBHOOK, WHATSAPP_WS_URL, BAILEYS, SIMULATOR_ROOT } = process.env
// Messages that devices may ask for once more.
const KEPT = 10_000

const logger = pino({ level: 'error' }, pino.destination(2))
const { library, makeSocket } = await loadLibrary(BAILEYS, SIMULATOR_ROOT)
const sessions = new Map()
const sent = new Map()
// Files that are being written.
const writing = new Set()
let stopping = false

function written(promise) {
  writing.add(promise)
  const done = () => writing.delete(promise)
  promise.then(done, done)
  return promise
}

function keep(message) {
  sent.set(message.key.id, message.message)
  if (sent.size > KEPT) sent.delete(sent.keys().next().value)
}

function deliver(session, message) {
  const body = JSON.stringify({ event: 'message', session, payload: message })
  const headers = { 'content-type': 'application/json' }
  fetch(WEBHOOK, { method: 'POST', headers, body }).then(
    answer => answer.arrayBuffer(),
    error => logger.error(error, 'no webhook'),
  )
}

async function open(name) {
  const { state, saveCreds } = await library.useMultiFileAuthState(join(FOLDER, name))
  const keys = { ...state.keys, set: data => written(state.keys.set(data)) }
  const socket = makeSocket({
    auth: { creds: state.creds, keys: library.makeCacheableSignalKeyStore(keys, logger) },
    waWebSocketUrl: WHATSAPP_WS_URL,
    logger,
    getMessage: async ({ id }) => sent.get(id),
  })
  const session = { socket, open: false, qr: null }
  sessions.set(name, session)
  socket.ev.on('creds.update', () => written(saveCreds()))
  socket.ev.on('connection.update', ({ connection, qr, lastDisconnect }) => {
    if (qr) session.qr = qr
    if (connection) session.open = connection === 'open'
    const final = lastDisconnect?.error?.output?.statusCode === library.DisconnectReason.loggedOut
    if (connection === 'close' && !final && !stopping) open(name)
  })
  socket.ev.on('messages.upsert', ({ messages }) => {
    for (const message of messages) if (message.message && !message.key.fromMe) deliver(name, message)
  })
}

async function bodyOf(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  return JSON.parse(text)
}

const routes = {
  'GET /sessions': () =>
    Object.fromEntries([...sessions].map(([name, session]) => [name, { open: session.open, qr: session.qr }])),
  'POST /sessions': async ({ name }) => {
    await open(name)
    return {}
  },
  'POST /send': async ({ session, to, text }) => {
    const message = await sessions.get(session).socket.sendMessage(to, { text })
    keep(message)
    return { id: message.key.id }
  },
}

const server = createServer(async (request, response) => {
  const reply = (status, document) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document))
  const route = routes[`${request.method} ${request.url}`]
  if (!route) return reply(404, { error: 'no such route' })
  try {
    reply(200, await route(request.method === 'POST' ? await bodyOf(request) : undefined))
  } catch (error) {
    reply(500, { error: String(error?.message ?? error) })
  }
})

process.on('SIGTERM', async () => {
  stopping = true
  for (const { socket } of sessions.values()) socket.end(undefined)
  // One that ended in the middle of a write would have lost its login.
  while (writing.size > 0) await Promise.allSettled(writing)
  process.exit(0)
})
process.on('unhandledRejection', error => logger.error(error, 'unhandled rejection'))
server.listen(Number(PORT), '127.0.0.1')
for (const name of readdirSync(FOLDER)) if (existsSync(join(FOLDER, name, 'creds.json'))) open(name)
