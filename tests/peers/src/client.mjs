// One Baileys client as its users write it: multi-file auth state, reconnecting, a message store for retries.

import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { setTimeout as passed } from 'node:timers/promises'
import { describeContent, describeKey } from './content.mjs'
import { structureFor } from './kinds.mjs'
import { MessageStore } from './store.mjs'
import { openVote, sealAnswer, sealVote } from './votes.mjs'

const RECONNECT_MS = 500
// 6.7.19 to 7.0.0-rc.9 take the server's first frame for plain text when it comes before their keys are ready. No network is
// as quick as a simulator on the same machine; this stands for the network, for the frames around the handshake.
const NETWORK_MS = 50
const FIRST_FRAMES = 3
// Baileys 6 keeps the device list of a one-to-one chat without the phone and uses it for groups, too. The phone then
// asks for each group message again, and what is sent again races with what is being sent for the same sender key.
const NO_DEVICE_CACHE = { get: () => undefined, set: () => {}, del: () => {}, flushAll: () => {} }

/**
 * Loads Baileys by its major version or its full one. Those that compare certificates are told to trust `root` (hex) as the
 * root of the server's.
 */
export async function loadLibrary(release, root) {
  const imported = await import(['6', '7'].includes(release) ? `baileys${release}` : `baileys-${release}`)
  // Up to 6.7.18 it is CommonJS: its default export is the module object, and not all exports (`proto`) are seen as named.
  const library = imported.default?.useMultiFileAuthState ? imported.default : imported
  const version = release[0]
  const isHasty = !['6', '7'].includes(release)
  if (root && library.WA_CERT_DETAILS?.PUBLIC_KEY) library.WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(root, 'hex')
  const makeSocket = [library.makeWASocket, library.default, library.default?.default].find(f => typeof f === 'function')
  return { version, isHasty, library, makeSocket }
}

/** Lets the first frames take as long as on a network. */
function slowDown(ws) {
  const [receive] = ws.listeners('message')
  ws.removeListener('message', receive)
  let before = Promise.resolve()
  let count = 0
  ws.on('message', data => {
    if (count++ < FIRST_FRAMES) before = before.then(() => passed(NETWORK_MS))
    before = before.then(() => receive(data))
  })
}

export class Client {
  constructor({ version, isHasty, library, makeSocket, auth, url, cacheKeys, logger, emit }) {
    Object.assign(this, { version, isHasty, library, makeSocket, auth, url, cacheKeys, logger, emit })
    mkdirSync(auth, { recursive: true, mode: 0o700 })
    this.store = new MessageStore(`${auth}.messages.jsonl`, library.BufferJSON)
    this.socket = null
    this.state = 'idle'
    this.wanted = false
    this.pairNumber = null
    this.openWaiters = []
    this.sending = Promise.resolve()
    /** Writes of `creds.json` that are under way: a process that ends during one leaves an empty file. */
    this.saving = Promise.resolve()
  }

  /** Connects and stays connected, as far as reconnecting is any use, until `disconnect`. */
  async connect({ pair } = {}) {
    if (this.wanted) throw new Error('already connected or connecting')
    this.wanted = true
    this.pairNumber = pair ?? null
    await this.open()
    return {}
  }

  async open() {
    const { library, logger } = this
    const { state, saveCreds } = await library.useMultiFileAuthState(this.auth)
    const keys = this.cacheKeys ? library.makeCacheableSignalKeyStore(state.keys, logger) : state.keys
    const socket = this.makeSocket({
      auth: { creds: state.creds, keys },
      waWebSocketUrl: this.url,
      logger,
      getMessage: async key => this.store.get(key.id)?.message,
      ...(this.version === '6' && { userDevicesCache: NO_DEVICE_CACHE }),
    })
    if (this.isHasty) slowDown(socket.ws)
    this.socket = socket
    this.state = 'connecting'
    socket.ev.on('creds.update', update => {
      this.saving = Promise.allSettled([this.saving, saveCreds()])
      if (update.me?.name) this.emit({ event: 'own-name', name: update.me.name })
    })
    socket.ev.on('connection.update', update => this.onConnection(socket, update))
    this.listen(socket.ev)
  }

  onConnection(socket, { connection, lastDisconnect, qr, receivedPendingNotifications, isNewLogin }) {
    if (socket !== this.socket) return
    if (isNewLogin) this.emit({ event: 'paired' })
    if (qr) this.onQr(socket, qr)
    if (receivedPendingNotifications) this.emit({ event: 'pending-received' })
    if (connection === 'open') {
      this.state = 'open'
      const { id, lid } = socket.user
      this.emit({ event: 'open', id, lid: lid ?? null })
      this.openWaiters.splice(0).forEach(waiter => waiter({ id, lid: lid ?? null }))
    }
    if (connection === 'close') this.onClose(lastDisconnect?.error)
  }

  async onQr(socket, qr) {
    this.emit({ event: 'qr', qr })
    if (!this.pairNumber) return
    const number = this.pairNumber
    this.pairNumber = null
    try {
      this.emit({ event: 'pairing-code', code: await socket.requestPairingCode(number) })
    } catch (error) {
      this.emit({ event: 'error', during: 'requestPairingCode', text: String(error) })
    }
  }

  onClose(error) {
    const { DisconnectReason } = this.library
    const status = error?.output?.statusCode ?? null
    this.state = 'closed'
    const final = status === DisconnectReason.loggedOut || status === DisconnectReason.connectionReplaced
    const again = this.wanted && !final
    if (final) this.wanted = false
    this.emit({ event: 'close', status, reason: error?.message ?? null, reconnecting: again })
    if (!again) return
    // A restart after pairing is asked for by the server; anything else gets a pause.
    const pause = status === DisconnectReason.restartRequired ? 0 : RECONNECT_MS
    setTimeout(() => {
      if (this.wanted) this.open().catch(failure => this.emit({ event: 'error', during: 'open', text: String(failure) }))
    }, pause)
  }

  listen(ev) {
    const { emit } = this
    ev.on('messages.upsert', ({ messages, type }) => {
      for (const message of messages) {
        this.store.put(message)
        emit({
          event: 'message',
          type,
          key: describeKey(message.key),
          pushName: message.pushName ?? null,
          timestamp: Number(message.messageTimestamp ?? 0),
          content: { ...describeContent(this.library, message), ...this.vote(message) },
        })
        // What Baileys learns about a message before it emits it becomes part of the message.
        const { key, status, userReceipt } = message
        if (key.fromMe && status != null) emit({ event: 'status', key: describeKey(key), status })
        for (const receipt of userReceipt ?? []) this.onReceipt({ key, receipt })
      }
    })
    ev.on('messages.update', updates => updates.forEach(item => this.onUpdate(item)))
    ev.on('message-receipt.update', receipts => {
      for (const receipt of receipts) this.onReceipt(receipt)
    })
    ev.on('messages.reaction', reactions => {
      for (const { key, reaction } of reactions) {
        emit({ event: 'reaction', target: describeKey(key), by: describeKey(reaction.key), text: reaction.text ?? '' })
      }
    })
    ev.on('groups.upsert', groups => {
      for (const { id, subject, participants } of groups) emit({ event: 'group', id, subject, size: participants.length })
    })
    ev.on('groups.update', groups => groups.forEach(group => emit({ ...group, event: 'group-update' })))
    ev.on('group-participants.update', ({ id, action, participants }) => {
      // 7.x tells all names of each, 6.x one.
      emit({ event: 'group-participants', id, action, participants: participants.map(one => one.id ?? one) })
    })
    ev.on('contacts.update', contacts => {
      for (const { id, imgUrl } of contacts) if (imgUrl !== undefined) emit({ event: 'picture', id, imgUrl })
    })
    ev.on('chats.update', chats => chats.forEach(({ conditional, ...chat }) => emit({ ...chat, event: 'chat-update' })))
    ev.on('chats.delete', ids => ids.forEach(id => emit({ event: 'chat-delete', id })))
    ev.on('contacts.upsert', contacts => contacts.forEach(contact => emit({ ...contact, event: 'contact' })))
    ev.on('messaging-history.set', ({ chats, messages, syncType }) =>
      emit({ event: 'history', chats: chats.length, messages: messages.length, syncType: syncType ?? null }))
    ev.on('labels.edit', label => emit({ ...label, event: 'label' }))
    ev.on('labels.association', ({ type, association: { chatId, labelId } }) =>
      emit({ event: 'label-chat', type, chatId, labelId }))
    ev.on('call', calls => {
      for (const { id, from, status, isVideo } of calls) emit({ event: 'call', id, from, status, isVideo: isVideo ?? null })
    })
    ev.on('presence.update', ({ id, presences }) =>
      emit({ event: 'presence', id, states: Object.values(presences).map(({ lastKnownPresence }) => lastKnownPresence) }))
  }

  /** What a vote in a known poll chooses. */
  vote(message) {
    const poll = this.store.get(message.message?.pollUpdateMessage?.pollCreationMessageKey?.id)
    return poll ? { options: openVote(this.library, message, poll, this.socket.user) } : {}
  }

  onReceipt({ key, receipt }) {
    const kind = receipt.readTimestamp ? 'read' : receipt.receiptTimestamp ? 'delivery' : 'other'
    this.emit({ event: 'receipt', key: describeKey(key), user: receipt.userJid, kind })
  }

  onUpdate({ key, update }) {
    const { emit } = this
    if (update.status != null) emit({ event: 'status', key: describeKey(key), status: update.status })
    if (update.starred != null) emit({ event: 'starred', key: describeKey(key), starred: update.starred })
    if (update.message === null) emit({ event: 'revoked', key: describeKey(key) })
    else if (update.message?.editedMessage) {
      const edited = this.library.normalizeMessageContent(update.message.editedMessage.message)
      emit({
        event: 'edited',
        key: describeKey(key),
        text: edited?.conversation ?? edited?.extendedTextMessage?.text ?? null,
      })
    } else if (update.message) {
      // A retry brought the content of a message that arrived as a stub before.
      emit({ event: 'message', type: 'update', key: describeKey(key), content: describeContent(this.library, update) })
    }
  }

  /** Resolves when the connection is open. */
  waitOpen() {
    const { id, lid } = this.socket?.user ?? {}
    if (this.state === 'open') return Promise.resolve({ id, lid: lid ?? null })
    return new Promise(resolve => this.openWaiters.push(resolve))
  }

  /** Sends one message after those asked for before; Baileys loses ratchet steps when sends overlap. */
  send({ to, content, audience }) {
    const job = this.sending.then(async () => {
      const quoted = content.quoted ? this.store.get(content.quoted) : undefined
      const sent = await this.give(to, content, { quoted, ...(audience && { statusJidList: audience }) })
      this.store.put(sent)
      return { key: describeKey(sent.key) }
    })
    this.sending = job.catch(() => {})
    return job
  }

  /** Hands a message to Baileys: one of its own kinds, or the protobuf of one that it has no kind for. */
  async give(to, content, options) {
    const { library, socket } = this
    const proto = content.kind === 'proto' ? content.message
      : content.kind === 'vote' ? sealVote(library, this.store.get(content.target), content.options, socket.user)
        : content.kind === 'event-answer' ? sealAnswer(library, this.store.get(content.target), content, socket.user)
          : null
    if (!proto) return socket.sendMessage(to, structureFor(content) ?? this.toBaileys(content), options)
    const message = library.proto.Message.fromObject(proto)
    const id = await socket.relayMessage(to, message, {})
    return { key: { remoteJid: to, fromMe: true, id }, message }
  }

  toBaileys(content) {
    const stored = id => {
      const message = this.store.get(id)
      if (!message) throw new Error('this client does not know the message')
      return message.key
    }
    switch (content.kind) {
      case 'text':
        return { text: content.text, mentions: content.mentions }
      case 'image':
        return {
          image: Buffer.from(content.data, 'base64'),
          mimetype: content.mimetype,
          caption: content.caption,
          // Given, so that Baileys does not look for an image library to make one.
          jpegThumbnail: '',
        }
      case 'document':
        return { document: Buffer.from(content.data, 'base64'), mimetype: content.mimetype, fileName: content.filename }
      case 'reaction':
        return { react: { text: content.text, key: stored(content.target) } }
      case 'edit':
        return { text: content.text, edit: stored(content.target) }
      case 'delete':
        return { delete: stored(content.target) }
      default:
        throw new Error(`unknown kind of message: ${content.kind}`)
    }
  }

  /** Marks received messages as read. */
  async read({ ids }) {
    const keys = ids.map(id => this.store.get(id)?.key)
    if (keys.includes(undefined)) throw new Error('this client does not know the message')
    await this.socket.readMessages(keys)
    return {}
  }

  /** Downloads and decrypts the media of a message. */
  async download({ message: id }) {
    const message = this.store.get(id)
    if (!message) throw new Error('this client does not know the message')
    const bytes = await this.library.downloadMediaMessage(message, 'buffer', {}, {
      logger: this.logger,
      reuploadRequest: this.socket.updateMediaMessage,
    })
    return {
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      data: bytes.toString('base64'),
    }
  }

  async createGroup({ subject, participants }) {
    const group = await this.socket.groupCreate(subject, participants)
    return { id: group.id, addressing: group.addressingMode ?? null, participants: group.participants.map(({ id }) => id) }
  }

  async groups() {
    const all = await this.socket.groupFetchAllParticipating()
    return { groups: Object.values(all).map(({ id, subject, participants }) => ({ id, subject, size: participants.length })) }
  }

  /** Calls one of Baileys' own functions for groups and their pictures. */
  async group({ method, args }) {
    const known = /^group[A-Z]/.test(method) || ['profilePictureUrl', 'removeProfilePicture'].includes(method)
    if (!known) throw new Error(`no function for groups: ${method}`)
    return { result: (await this.socket[method](...args)) ?? null }
  }

  /** Calls one of Baileys' own functions about people: what they show of themselves. */
  async ask({ method, args }) {
    const known = ['fetchStatus', 'profilePictureUrl', 'addLabel', 'addChatLabel', 'removeChatLabel', 'rejectCall']
    if (!known.includes(method)) throw new Error(`no function to ask with: ${method}`)
    return { result: (await this.socket[method](...args)) ?? null }
  }

  /** Changes a chat as a whole for all devices of the account; `last` is the id of its last message. */
  async modify({ chat, change, last }) {
    const { key, messageTimestamp } = this.store.get(last)
    await this.socket.chatModify({ ...change, lastMessages: [{ key, messageTimestamp }] }, chat)
  }

  /** Calls one of Baileys' own functions for channels. */
  async channel({ method, args }) {
    const known = /^newsletter[A-Z]/.test(method) || method === 'subscribeNewsletterUpdates'
    if (!known) throw new Error(`no function for channels: ${method}`)
    return { result: (await this.socket[method](...args)) ?? null }
  }

  /** Changes an own post of a channel as WhatsApp Web does, or takes it back; Baileys' own edits are those of other chats. */
  async changePost({ channel, id, text }) {
    const { Message } = this.library.proto
    const content = text == null ? Buffer.alloc(0) : Message.encode({ conversation: text }).finish()
    await this.socket.sendNode({
      tag: 'message',
      attrs: { to: channel, id, type: 'text', edit: text == null ? '8' : '3' },
      content: [{ tag: 'plaintext', attrs: {}, content }],
    })
    return {}
  }

  /** As `updateProfilePicture`, with a picture that needs no library to make it fit. */
  async setPicture({ group, data }) {
    const picture = { tag: 'picture', attrs: { type: 'image' }, content: Buffer.from(data, 'base64') }
    const attrs = { target: group, to: '@s.whatsapp.net', type: 'set', xmlns: 'w:profile:picture' }
    await this.socket.query({ tag: 'iq', attrs, content: [picture] })
    return {}
  }

  /** Takes back a request to join a group, for which Baileys has no function. */
  async cancelJoin({ group }) {
    const { id } = this.socket.user
    const participant = { tag: 'participant', attrs: { jid: this.library.jidNormalizedUser(id) } }
    const cancel = { tag: 'cancel_membership_requests', attrs: {}, content: [participant] }
    await this.socket.query({ tag: 'iq', attrs: { to: group, type: 'set', xmlns: 'w:g2' }, content: [cancel] })
    return {}
  }

  async disconnect() {
    this.wanted = false
    await this.sending
    const socket = this.socket
    if (socket && this.state !== 'closed') {
      const closed = new Promise(resolve =>
        socket.ev.on('connection.update', ({ connection }) => connection === 'close' && resolve()))
      socket.end(undefined)
      await closed
    }
    await this.saving
    return {}
  }

  async logout() {
    this.wanted = false
    await this.socket.logout()
    return {}
  }

  status() {
    const { id, lid } = this.socket?.user ?? {}
    return { state: this.state, id: id ?? null, lid: lid ?? null, stored: this.store.byId.size }
  }
}
