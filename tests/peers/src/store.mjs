// The message store that Baileys asks its users to keep: `getMessage` answers retry requests from it, also after a restart.

import { appendFileSync, existsSync, readFileSync } from 'node:fs'

export class MessageStore {
  /** Messages of `file`, one JSON document a line; `bufferJson` is the library's own replacer and reviver. */
  constructor(file, bufferJson) {
    this.file = file
    this.bufferJson = bufferJson
    this.byId = new Map()
    if (!existsSync(file)) return
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (!line) continue
      try {
        const message = JSON.parse(line, bufferJson.reviver)
        this.byId.set(message.key.id, message)
      } catch {
        // The last line is torn when the process was killed while writing it.
      }
    }
  }

  /** Keeps a message, sent or received; the first content under an id wins. */
  put(message) {
    if (!message?.message || !message.key?.id || this.byId.has(message.key.id)) return
    this.byId.set(message.key.id, message)
    appendFileSync(this.file, `${JSON.stringify(message, this.bufferJson.replacer)}\n`)
  }

  get(id) {
    return this.byId.get(id)
  }
}
