#!/usr/bin/env node
// Session care for a WhatsApp gateway in Docker, from Node: a front to wakeeper. Built-in modules only.
'use strict'

const { spawnSync } = require('node:child_process')
const path = require('node:path')

const USAGE = `Usage: node fix-session-errors-docker.js [--clean] [--restart] [--container=NAME]

  (nothing)         check the session's health; changes nothing
  --clean           repair what is corrupted, after a verified backup; the login is kept
  --restart         restart the container and wait until it is healthy
  --dry-run         with --clean: show the plan and change nothing
  --container=NAME  the container [CONTAINER_NAME; default: whatsapp-api]
  --help            this text

Exit code 0: fine; 1: something is unhealthy or failed; 2: wrong usage.`

function fail (code, message) {
  console.error(`error: ${message}`)
  process.exit(code)
}

function readArguments (words) {
  const wanted = { clean: false, restart: false, dryRun: false, container: process.env.CONTAINER_NAME || 'whatsapp-api' }
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index]
    if (word === '--clean') wanted.clean = true
    else if (word === '--restart') wanted.restart = true
    else if (word === '--dry-run') wanted.dryRun = true
    else if (word === '--help' || word === '-h') {
      console.log(USAGE)
      process.exit(0)
    } else if (word.startsWith('--container=')) wanted.container = word.slice('--container='.length)
    else if (word === '--container' && words[index + 1]) wanted.container = words[++index]
    else fail(2, `unknown argument ${word}\n\n${USAGE}`)
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(wanted.container)) fail(2, `${JSON.stringify(wanted.container)} is not a container's name`)
  if (wanted.dryRun && !wanted.clean) fail(2, '--dry-run needs --clean')
  return wanted
}

function docker (words) {
  const result = spawnSync('docker', words, { encoding: 'utf8' })
  if (result.error) fail(1, `cannot run docker: ${result.error.message}`)
  return result
}

// 'running', 'exited', ...; ends the program when there is no such container, or no engine.
function stateOf (container) {
  const result = docker(['inspect', '--type', 'container', '--format', '{{.State.Status}}', container])
  if (result.status === 0) return result.stdout.trim()
  const said = result.stderr.trim()
  if (/no such container/i.test(said)) {
    const names = docker(['ps', '--all', '--format', '{{.Names}}']).stdout.trim().split('\n').filter(Boolean)
    const known = names.length ? `; containers here: ${names.join(', ')}` : ''
    fail(1, `there is no container ${container}${known}. Name one with --container=NAME or CONTAINER_NAME`)
  }
  fail(1, said || 'docker inspect failed')
}

function run (program, words, environment) {
  const result = spawnSync(program, words, { stdio: 'inherit', env: { ...process.env, ...environment } })
  if (result.error) fail(1, `cannot run ${program}: ${result.error.message}`)
  return result.status === null ? 1 : result.status
}

function manager (command, container) {
  const script = path.join(__dirname, 'docker-session-manager.sh')
  return run('sh', [script, ...command], { CONTAINER_NAME: container })
}

// A look can be taken inside the running container, if wakeeper is in it. Whatever changes files needs it stopped.
function health (container, state) {
  const inside = state === 'running' && docker(['exec', container, 'wakeeper', '--version']).status === 0
  if (!inside) return manager(['health', '--container', container], container)
  console.log(`-- inside container ${container}`)
  return run('docker', ['exec', '--env', 'CONTAINER_NAME=', container, 'wakeeper', 'health'], {})
}

const wanted = readArguments(process.argv.slice(2))
const state = stateOf(wanted.container)
let status = 0
if (wanted.clean) status = manager(['clean', '--container', wanted.container, ...(wanted.dryRun ? ['--dry-run'] : [])], wanted.container)
if (wanted.restart && status === 0) status = manager(['restart', '--container', wanted.container], wanted.container)
if (!wanted.clean && !wanted.restart) status = health(wanted.container, state)
process.exit(status)
