// How a program tells that a request comes from this gateway.
import { Button, Code, html, useState } from './ui.js';
import { t } from './words.js';

const SNIPPETS = {
  Node: `import { createHmac, timingSafeEqual } from 'node:crypto'

// body: the bytes as they arrived, before anything parsed them
function isGenuine (headers, body, secret) {
  const expected = Buffer.from(createHmac('sha512', secret).update(body).digest('hex'))
  const given = Buffer.from(headers['x-webhook-hmac'] ?? '')
  return expected.length === given.length && timingSafeEqual(expected, given)
}`,
  Python: `import hashlib
import hmac

# body: the bytes as they arrived, before anything parsed them
def is_genuine(headers, body, secret):
    expected = hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()
    return hmac.compare_digest(expected, headers.get("X-Webhook-Hmac", ""))`,
  PHP: `<?php
// $body: file_get_contents('php://input')
function isGenuine(string $body, string $secret): bool
{
    $expected = hash_hmac('sha512', $body, $secret);
    return hash_equals($expected, $_SERVER['HTTP_X_WEBHOOK_HMAC'] ?? '');
}`,
};

export function Verifying() {
  const [chosen, setChosen] = useState('Node');
  return html`<section class="card" aria-labelledby="verify-title">
    <h2 id="verify-title">${t('Check that a request is genuine')}</h2>
    <p class="soft">${t('With a secret, each request is signed. Requests that do not fit are somebody else’s.')}</p>
    <div class="switch" role="group" aria-label=${t('Programming language')}>${Object.keys(SNIPPETS).map((name) => html`<${Button} kind=${name === chosen ? 'small' : 'second small'} aria-pressed=${name === chosen} onClick=${() => setChosen(name)}>${name}<//>`)}</div>
    <${Code} text=${SNIPPETS[chosen]} label=${t('Code in {name}', { name: chosen })} />
  </section>`;
}
