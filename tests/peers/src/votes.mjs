// Votes in polls, and answers to events. Baileys reads them only in code that it has commented out, and sends none, so this does what WhatsApp Web
// does: the addresses of the poll's author and of the voter are bound into a vote, both by number or both by LID.

import { createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto'

const hash = text => createHash('sha256').update(text).digest()
const hmac = (key, ...parts) => createHmac('sha256', key).update(Buffer.concat(parts.map(part => Buffer.from(part)))).digest()

function pollOf(message) {
  const { pollCreationMessage, pollCreationMessageV2, pollCreationMessageV3 } = message.message
  return pollCreationMessage ?? pollCreationMessageV2 ?? pollCreationMessageV3
}

const secretOf = message => Buffer.from(message.message.messageContextInfo.messageSecret)

/** The names of the author of a message that are known, by number and by LID. */
function names(library, key, user) {
  const own = [user.id, user.lid].filter(Boolean).map(library.jidNormalizedUser)
  if (key.fromMe) return own
  const others = [key.participant, key.participantAlt, key.remoteJid, key.remoteJidAlt, key.senderPn, key.senderLid]
  return others.filter(name => name && !name.endsWith('@g.us')).map(library.jidNormalizedUser)
}

/** Both by number, or both by LID. */
function pairs(authors, voters) {
  const isLid = name => name.endsWith('@lid')
  return authors.flatMap(author => voters.filter(voter => isLid(voter) === isLid(author)).map(voter => ({ author, voter })))
}

/** The chosen answers of a vote; null when it cannot be opened. */
export function openVote(library, { key, message }, poll, user) {
  const { vote } = message.pollUpdateMessage
  for (const { author, voter } of pairs(names(library, poll.key, user), names(library, key, user))) {
    try {
      const bound = { pollCreatorJid: author, pollMsgId: poll.key.id, pollEncKey: secretOf(poll), voterJid: voter }
      const { selectedOptions } = library.decryptPollVote(vote, bound)
      const chosen = selectedOptions.map(option => Buffer.from(option).toString('hex'))
      return pollOf(poll).options.map(({ optionName }) => optionName).filter(name => chosen.includes(hash(name).toString('hex')))
    } catch {
      // Bound to the other pair of names.
    }
  }
  return null
}

/** A vote for these answers in a poll. */
export function sealVote(library, poll, options, user) {
  const [{ author, voter }] = pairs(names(library, poll.key, user), [user.id, user.lid].filter(Boolean).map(library.jidNormalizedUser))
  const { id } = poll.key
  const key = hmac(hmac(Buffer.alloc(32), secretOf(poll)), id, author, voter, 'Poll Vote', [1])
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(`${id}\u0000${voter}`))
  const { PollVoteMessage } = library.proto.Message
  const plain = PollVoteMessage.encode({ selectedOptions: options.map(hash) }).finish()
  const encPayload = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  const { remoteJid, fromMe, participant } = poll.key
  return {
    pollUpdateMessage: {
      pollCreationMessageKey: { remoteJid, fromMe, id, participant },
      vote: { encPayload, encIv: iv },
      senderTimestampMs: Date.now(),
    },
  }
}

/** An answer to an event: 1 going, 2 not going, 3 maybe. */
export function sealAnswer(library, event, { response, guests }, user) {
  const [{ author, voter }] = pairs(names(library, event.key, user), [user.id, user.lid].filter(Boolean).map(library.jidNormalizedUser))
  const { id } = event.key
  const key = hmac(hmac(Buffer.alloc(32), secretOf(event)), id, author, voter, 'Event Response', [1])
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(`${id}\u0000${voter}`))
  const { EventResponseMessage } = library.proto.Message
  const plain = EventResponseMessage.encode({ response, timestampMs: 1_700_000_000_000, extraGuestCount: guests }).finish()
  const encPayload = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  const { remoteJid, fromMe, participant } = event.key
  return { encEventResponseMessage: { eventCreationMessageKey: { remoteJid, fromMe, id, participant }, encPayload, encIv: iv } }
}
