#!/usr/bin/env node
// A passkey for the end-to-end tests, as an authenticator and a browser on WhatsApp's page make one together (W3C WebAuthn).
// `passkey.mjs create` prints `{id, publicKey, privateKey}`; `passkey.mjs sign PRIVATE_KEY ID CHALLENGE RP_ID ORIGIN` prints the
// assertion that `navigator.credentials.get` gives. Bytes are base64url.

import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

const PRESENT_AND_VERIFIED = 0b101
const base64 = bytes => Buffer.from(bytes).toString('base64url')
const sha256 = bytes => createHash('sha256').update(bytes).digest()

function create() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
  const secret = privateKey.export({ format: 'der', type: 'pkcs8' })
  return { id: base64(randomBytes(16)), publicKey: base64(point), privateKey: base64(secret) }
}

function assertion(secret, id, challenge, rpId, origin) {
  const clientData = Buffer.from(JSON.stringify({ type: 'webauthn.get', challenge, origin, crossOrigin: false }))
  const authenticatorData = Buffer.concat([sha256(rpId), Buffer.from([PRESENT_AND_VERIFIED, 0, 0, 0, 1])])
  const key = createPrivateKey({ key: Buffer.from(secret, 'base64url'), format: 'der', type: 'pkcs8' })
  const signature = sign('sha256', Buffer.concat([authenticatorData, sha256(clientData)]), key)
  return {
    id,
    rawId: id,
    type: 'public-key',
    response: {
      clientDataJSON: base64(clientData),
      authenticatorData: base64(authenticatorData),
      signature: base64(signature),
      userHandle: base64('somebody'),
    },
  }
}

const [command, ...args] = process.argv.slice(2)
const commands = { create, sign: assertion }
if (!Object.hasOwn(commands, command)) {
  process.stderr.write('usage: passkey.mjs create | sign PRIVATE_KEY ID CHALLENGE RP_ID ORIGIN\n')
  process.exit(2)
}
process.stdout.write(`${JSON.stringify(commands[command](...args))}\n`)
