// Turns what the libraries log into classified events, and keeps it away from stdout, which carries the protocol.

import { appendFileSync } from 'node:fs'
import pino from 'pino'

/** What a log line is a symptom of; the first pattern that matches names the line. */
const CLASSES = [
  ['bad_mac', /bad mac/i],
  ['key_used', /key used already|messagecountererror/i],
  ['no_session', /no (matching )?sessions? (record|found)|no open session|no session found/i],
  ['no_sender_key', /no senderkey|sender ?key (record|state)|no sender key/i],
  ['invalid_prekey', /invalid prekey/i],
  ['decrypt_failed', /failed to decrypt/i],
  ['retry', /retry (request|receipt)|recv retry|sent retry/i],
  ['connection', /connection (errored|closed|failure)|stream errored/i],
]

/** The class of a log line, or null when it is a symptom of nothing. */
export function classify(text) {
  const hit = CLASSES.find(([, pattern]) => pattern.test(text))
  return hit ? hit[0] : null
}

/**
 * Takes over the console (the libraries' libsignal writes there) and returns a pino logger for Baileys.
 * `emit` gets an event for every line that is classified or at least a warning; `file`, when given, gets every line.
 */
export function openLog(emit, file) {
  const keep = line => {
    if (file) appendFileSync(file, line.endsWith('\n') ? line : `${line}\n`)
  }
  const report = (source, level, text) => {
    const symptom = classify(text)
    if (symptom || level >= 40) emit({ event: 'log', source, level, class: symptom, text: text.slice(0, 400) })
  }
  for (const [name, level] of [['log', 30], ['info', 30], ['debug', 20], ['warn', 40], ['error', 50]]) {
    console[name] = (...parts) => {
      // Only texts and errors: libsignal also prints whole session records with their keys.
      const text = parts.filter(part => typeof part === 'string' || part instanceof Error).join(' ')
      keep(`console ${name} ${text}`)
      report('console', level, text)
    }
  }
  return pino(
    { level: file ? 'debug' : 'info' },
    {
      write(line) {
        keep(line)
        const { level, msg, err, error } = JSON.parse(line)
        report('baileys', level, [msg, err?.message, error?.message ?? error].filter(Boolean).join(': '))
      },
    },
  )
}
