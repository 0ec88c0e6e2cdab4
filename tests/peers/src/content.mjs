// Reads a WhatsApp message the way a user of Baileys does, into a flat object that tests can compare.

import { describePreview, describeStructure } from './kinds.mjs'

const MEDIA = {
  imageMessage: 'image',
  videoMessage: 'video',
  audioMessage: 'audio',
  documentMessage: 'document',
  stickerMessage: 'sticker',
}

/** The fields of a message key that tests look at. */
export function describeKey(key) {
  if (!key) return null
  const { remoteJid, fromMe, id, participant, remoteJidAlt, participantAlt, senderLid, senderPn } = key
  return {
    remoteJid,
    fromMe: Boolean(fromMe),
    id,
    participant: participant || null,
    // 7.x names the other form of the address `...Alt`; 6.x has `senderLid` and `senderPn`.
    alt: remoteJidAlt || senderPn || senderLid || null,
    participantAlt: participantAlt || null,
  }
}

/** What a message says: `{kind, ...}`. `library` is the loaded Baileys, whose own helpers unwrap the containers. */
export function describeContent(library, webMessage) {
  if (webMessage.messageStubType != null && !webMessage.message) {
    return { kind: 'stub', stub: webMessage.messageStubType, parameters: webMessage.messageStubParameters ?? [] }
  }
  const content = library.normalizeMessageContent(webMessage.message)
  if (!content) return { kind: 'empty' }
  if (content.conversation) return { kind: 'text', text: content.conversation }
  if (content.extendedTextMessage) {
    const { text, contextInfo } = content.extendedTextMessage
    return {
      kind: 'text',
      text,
      quoted: contextInfo?.stanzaId ?? null,
      mentions: contextInfo?.mentionedJid ?? [],
      forwarded: Boolean(contextInfo?.isForwarded),
      preview: describePreview(content.extendedTextMessage),
      background: content.extendedTextMessage.backgroundArgb ?? null,
      font: content.extendedTextMessage.font ?? null,
    }
  }
  if (content.reactionMessage) {
    const { text, key } = content.reactionMessage
    return { kind: 'reaction', text, target: describeKey(key) }
  }
  const structure = describeStructure(content)
  if (structure) return structure
  if (content.pollUpdateMessage) return { kind: 'vote', target: describeKey(content.pollUpdateMessage.pollCreationMessageKey) }
  if (content.protocolMessage) return describeProtocol(library, content.protocolMessage)
  for (const [field, kind] of Object.entries(MEDIA)) {
    const media = content[field]
    if (media) {
      return {
        kind,
        mimetype: media.mimetype,
        caption: media.caption ?? null,
        filename: media.fileName ?? null,
        voice: Boolean(media.ptt),
        seconds: media.seconds || null,
        bars: media.waveform?.length || null,
        animated: Boolean(media.isAnimated),
        forwarded: Boolean(media.contextInfo?.isForwarded),
        size: Number(media.fileLength ?? 0),
        sealed: Boolean(media.mediaKey?.length),
        background: media.backgroundArgb ?? null,
      }
    }
  }
  return { kind: 'other', field: library.getContentType(content) ?? null }
}

function describeProtocol(library, message) {
  const type = library.proto.Message.ProtocolMessage.Type
  if (message.type === type.REVOKE) return { kind: 'revoke', target: describeKey(message.key) }
  if (message.type === type.MESSAGE_EDIT) {
    const edited = library.normalizeMessageContent(message.editedMessage)
    return {
      kind: 'edit',
      target: describeKey(message.key),
      text: edited?.conversation ?? edited?.extendedTextMessage?.text ?? null,
    }
  }
  return { kind: 'protocol', type: message.type ?? null }
}
