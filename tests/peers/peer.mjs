#!/usr/bin/env node
// A real Baileys client for the end-to-end tests. Commands are JSON lines on stdin, `{"call":1,"cmd":"send",...}`; each gets
// `{"reply":1,"ok":true,...}` or `{"reply":1,"ok":false,"error":"..."}` on stdout, between events `{"event":"...",...}`.
// Commands: connect [pair], wait-open, send {to,content,audience}, read {ids}, download {message}, create-group {subject,participants},
// groups, group {method,args}, ask {method,args}, modify {chat,change,last}, channel {method,args}, change-post {channel,id,text}, set-picture {group,data}, cancel-join {group}, status, disconnect, logout. The process ends when stdin does.

import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { Client, loadLibrary } from './src/client.mjs'
import { openLog } from './src/log.mjs'

const USAGE = 'usage: peer.mjs --version 6|7|RELEASE --auth DIR --url ws://HOST:PORT/ws/chat [--root HEX] [--cache-keys] [--log FILE]'

const emit = document => process.stdout.write(`${JSON.stringify(document)}\n`)

function options() {
  const { values } = parseArgs({
    options: {
      version: { type: 'string' },
      auth: { type: 'string' },
      url: { type: 'string' },
      root: { type: 'string' },
      'cache-keys': { type: 'boolean', default: false },
      log: { type: 'string' },
    },
  })
  const complete = /^[67]/.test(values.version ?? '') && values.auth && values.url
  if (!complete) throw new Error(USAGE)
  return values
}

function commandsOf(client) {
  return {
    connect: args => client.connect(args),
    'wait-open': () => client.waitOpen(),
    send: args => client.send(args),
    read: args => client.read(args),
    download: args => client.download(args),
    'create-group': args => client.createGroup(args),
    groups: () => client.groups(),
    group: args => client.group(args),
    ask: args => client.ask(args),
    modify: args => client.modify(args),
    channel: args => client.channel(args),
    'change-post': args => client.changePost(args),
    'set-picture': args => client.setPicture(args),
    'cancel-join': args => client.cancelJoin(args),
    status: () => client.status(),
    disconnect: () => client.disconnect(),
    logout: () => client.logout(),
  }
}

async function answer(commands, line) {
  let call = null
  try {
    const { call: number, cmd, ...args } = JSON.parse(line)
    call = number ?? null
    if (!Object.hasOwn(commands, cmd)) throw new Error(`unknown command: ${cmd}`)
    emit({ reply: call, ok: true, ...(await commands[cmd](args)) })
  } catch (error) {
    emit({ reply: call, ok: false, error: String(error?.message ?? error) })
  }
}

async function main() {
  const { version, auth, url, root, 'cache-keys': cacheKeys, log } = options()
  const logger = openLog(emit, log)
  const client = new Client({ ...(await loadLibrary(version, root)), auth, url, cacheKeys, logger, emit })
  process.on('unhandledRejection', error => emit({ event: 'error', during: 'rejection', text: String(error) }))
  const commands = commandsOf(client)
  emit({ event: 'ready', version })
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim()) answer(commands, line)
  }
  await client.disconnect()
  process.exit(0)
}

main().catch(error => {
  process.stderr.write(`${error.message}\n`)
  process.exit(2)
})
