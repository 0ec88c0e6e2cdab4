#!/usr/bin/env node
// A WhatsApp gateway as many people run it in a container: Baileys, its login in a bind-mounted folder, a small HTTP API,
// its log on stdout. Settings: BAILEYS (6 or 7), PORT, AUTH_INFO, EVENTS, WHATSAPP_WS_URL, SIMULATOR_ROOT (in hex; 7 checks
// the server's certificate).
// GET /health; POST /send {to,text}; POST /groups {subject,participants}. What happened is appended to EVENTS, one JSON
// document a line, so that it outlives the container.

import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
import pino from 'pino'
import { Client, loadLibrary } from './src/client.mjs'

const {
  PORT = '8192',
  AUTH_INFO = '/app/auth_info',
  EVENTS = '/app/logs/events.jsonl',
  WHATSAPP_WS_URL,
  BAILEYS = '6',
  SIMULATOR_ROOT,
} = process.env

function emit(event) {
  appendFileSync(EVENTS, `${JSON.stringify({ at: Date.now(), ...event })}\n`)
  if (event.event === 'qr') console.log('QR received, scan it with your phone')
  if (event.event === 'open') console.log('connection.update: open')
  if (event.event === 'close') console.log(`connection.update: close ${event.status} ${event.reason}`)
}

async function bodyOf(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  return JSON.parse(text)
}

function routesOf(client) {
  return {
    'GET /health': () => ({ status: 'ok', connection: client.state }),
    'POST /send': ({ to, text }) => client.send({ to, content: { kind: 'text', text } }),
    'POST /groups': group => client.createGroup(group),
  }
}

async function answer(routes, request, response) {
  const reply = (status, document) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document))
  const route = routes[`${request.method} ${request.url}`]
  if (!route) return reply(404, { error: 'no such route' })
  try {
    reply(200, await route(request.method === 'POST' ? await bodyOf(request) : {}))
  } catch (error) {
    reply(500, { error: String(error?.message ?? error) })
  }
}

const logger = pino({ level: 'info' })
const library = await loadLibrary(BAILEYS, SIMULATOR_ROOT)
const client = new Client({ ...library, auth: AUTH_INFO, url: WHATSAPP_WS_URL, logger, emit })
const routes = routesOf(client)
const server = createServer((request, response) => answer(routes, request, response))
// Without a handler, process 1 of a container hears no SIGTERM and is killed ten seconds later.
process.on('SIGTERM', async () => {
  await client.disconnect()
  process.exit(0)
})
process.on('unhandledRejection', error => console.error('unhandled rejection:', error))
server.listen(Number(PORT), '127.0.0.1')
await client.connect()
