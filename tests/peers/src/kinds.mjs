// Messages with a structure of their own: places, cards, polls, lists, buttons; and what Baileys sends of them.

const POLLS = ['pollCreationMessage', 'pollCreationMessageV2', 'pollCreationMessageV3']

/** What such a message says: `{kind, ...}`; null when it is of another kind. */
export function describeStructure(content) {
  const { locationMessage, contactMessage, contactsArrayMessage, buttonsResponseMessage } = content
  if (locationMessage) {
    const { degreesLatitude, degreesLongitude, name, contextInfo } = locationMessage
    const quoted = contextInfo?.stanzaId ?? null
    return { kind: 'location', latitude: degreesLatitude, longitude: degreesLongitude, name: name ?? null, quoted }
  }
  if (contactMessage) return { kind: 'contact', name: contactMessage.displayName, vcards: [contactMessage.vcard] }
  if (contactsArrayMessage) {
    const { displayName, contacts } = contactsArrayMessage
    return { kind: 'contacts', name: displayName, vcards: contacts.map(({ vcard }) => vcard) }
  }
  const field = POLLS.find(name => content[name])
  if (field) {
    const { name, options, selectableOptionsCount } = content[field]
    return { kind: 'poll', field, name, options: options.map(({ optionName }) => optionName), most: selectableOptionsCount }
  }
  if (content.eventMessage) {
    const { name, description, startTime, endTime, location, extraGuestsAllowed, contextInfo } = content.eventMessage
    return {
      kind: 'event',
      name,
      description: description ?? null,
      start: Number(startTime),
      end: endTime ? Number(endTime) : null,
      place: location?.name ?? null,
      guests: Boolean(extraGuestsAllowed),
      quoted: contextInfo?.stanzaId ?? null,
    }
  }
  if (buttonsResponseMessage) {
    const { selectedButtonId, selectedDisplayText, contextInfo } = buttonsResponseMessage
    return { kind: 'press', id: selectedButtonId, text: selectedDisplayText, quoted: contextInfo?.stanzaId ?? null }
  }
  if (content.interactiveMessage) return describeInteractive(content.interactiveMessage)
  if (content.pinInChatMessage) return { kind: 'pin', type: content.pinInChatMessage.type, target: content.pinInChatMessage.key.id }
  return null
}

function describeInteractive({ header, body, footer, nativeFlowMessage }) {
  return {
    kind: 'interactive',
    title: header?.title ?? null,
    picture: header?.imageMessage?.mimetype ?? null,
    body: body?.text ?? null,
    footer: footer?.text ?? null,
    buttons: (nativeFlowMessage?.buttons ?? []).map(({ name, buttonParamsJson }) => ({ name, ...JSON.parse(buttonParamsJson) })),
  }
}

/** What a preview of a link shows. */
export function describePreview({ matchedText, title, description, jpegThumbnail, thumbnailDirectPath, thumbnailWidth }) {
  if (!matchedText) return null
  return {
    url: matchedText,
    title: title ?? null,
    description: description ?? null,
    inside: jpegThumbnail ? Buffer.from(jpegThumbnail).toString('base64') : null,
    uploaded: Boolean(thumbnailDirectPath),
    width: thumbnailWidth ?? null,
  }
}

/** The content that Baileys' `sendMessage` takes for such a message; undefined when it is of another kind. */
export function structureFor({ kind, ...content }) {
  switch (kind) {
    case 'location':
      return { location: { degreesLatitude: content.latitude, degreesLongitude: content.longitude, name: content.name } }
    case 'contacts':
      return { contacts: { displayName: content.name, contacts: content.vcards.map(vcard => ({ vcard })) } }
    case 'poll':
      return { poll: { name: content.name, values: content.options, selectableCount: content.most } }
    case 'sticker':
      return { sticker: Buffer.from(content.data, 'base64'), mimetype: 'image/webp' }
    default:
      return undefined
  }
}
