// Sends a text to the number in the first argument. WAKEEPER_URL and WAKEEPER_KEY name the gateway and its API key.
const to = process.argv[2]
if (!to) throw new Error('usage: node send.mjs NUMBER')
const url = process.env.WAKEEPER_URL ?? 'http://localhost:8192'

async function call(method, path, body, headers = {}) {
  const response = await fetch(url + path, {
    method,
    headers: { 'X-Api-Key': process.env.WAKEEPER_KEY, 'Content-Type': 'application/json', ...headers },
    body: body && JSON.stringify(body),
  })
  const answer = await response.json()
  // Errors have a stable `code`, and often a `hint`: what to do about it.
  if (!response.ok) throw new Error(`${answer.code}: ${answer.message} ${answer.hint ?? ''}`)
  return answer
}

// The same Idempotency-Key and body send once, however often this is run.
const key = { 'Idempotency-Key': `example-node-${to}` }
const sent = await call('POST', '/api/sendText', { session: 'default', chatId: `${to}@c.us`, text: 'Hello from Node' }, key)
console.log('sent', sent.id)
for (const message of await call('GET', `/api/default/chats/${to}@c.us/messages?limit=5`)) {
  console.log(message.fromMe ? '>' : '<', message.body)
}
const rehearsal = await call('POST', '/api/default/bulk', { text: 'Hello again', recipients: [to], dryRun: true })
console.log('a bulk send would reach', rehearsal.total)
