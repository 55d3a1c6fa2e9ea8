// What a page has loaded serves it again where the computer is not reached. A page that came from here takes all of its
// parts from here, so that old and new ones never mix; a page that came from the computer asks it for each part.
const KEPT = 'gridlite-3';
const PATIENCE_MS = 4000; // until a page counts as not to be had
const OWN = /^\/($|(bench|live|grade)$|static\/|litert\/|api\/(files|outline\.tflite|files\/\d+\/(model\.tflite|view\.js))$)/;
const kept = new Set(); // windows whose page came from here

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name !== KEPT) await caches.delete(name);
  await self.clients.claim();
})()));
// A page tells what it loaded before this worker was there.
self.addEventListener('message', (event) => event.waitUntil(Promise.all(event.data.filter((one) => OWN.test(new URL(one).pathname)).map(async (address) => {
  const fresh = await fetch(address).catch(() => null);
  if (fresh) await store(address, fresh);
}))));
self.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== 'GET' || origin !== self.location.origin || !OWN.test(pathname)) return;
  event.respondWith(event.request.mode === 'navigate' ? page(event) : part(event));
});

// A page's address without its token; a file's with the hash of its bytes, of which one is kept.
const nameOf = (address) => { const { origin, pathname, searchParams } = new URL(address); return origin + pathname + (searchParams.has('sha256') ? `?sha256=${searchParams.get('sha256')}` : ''); };
const found = async (address) => (await caches.open(KEPT)).match(nameOf(address));

async function store(address, answer) {
  if (answer.status !== 200) return;
  try {
    const [cache, name] = [await caches.open(KEPT), nameOf(address)];
    await cache.put(name, answer);
    for (const other of await cache.keys(name, { ignoreSearch: true })) if (other.url !== name) await cache.delete(other);
  } catch { /* no room on this phone: it works as long as the computer is reached */ }
}

async function page(event) {
  const old = await found(event.request.url);
  const late = old && new Promise((_, fail) => { setTimeout(fail, PATIENCE_MS); });
  try {
    const fresh = await Promise.race([fetch(event.request), ...(late ? [late] : [])]);
    event.waitUntil(store(event.request.url, fresh.clone()));
    return fresh;
  } catch (error) {
    if (!old) throw error;
    kept.add(event.resultingClientId);
    return old;
  }
}

async function part(event) {
  if (kept.has(event.clientId)) return await found(event.request.url) || fetch(event.request);
  try {
    const fresh = await fetch(event.request);
    event.waitUntil(store(event.request.url, fresh.clone()));
    return fresh;
  } catch (error) {
    const old = await found(event.request.url);
    if (!old) throw error;
    return old;
  }
}
