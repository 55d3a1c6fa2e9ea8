// What a page has loaded serves it again where the computer is not reached: asked first, and what it said last otherwise.
const KEPT = 'gridlite-1';
const PATIENCE_MS = 4000;
const never = /^\/api\/(files\/\d+\/(cells|latency|score)|done)/;

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
// A page tells what it loaded before this worker was there.
self.addEventListener('message', (event) => event.waitUntil(Promise.all(event.data.map((address) => answer(new Request(address)).catch(() => null)))));
self.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method === 'GET' && origin === self.location.origin && !never.test(pathname)) event.respondWith(answer(event.request));
});

// A page's address without its token; a file's with the hash of its bytes, of which one is kept.
const nameOf = (address) => { const { origin, pathname, searchParams } = new URL(address); return origin + pathname + (searchParams.has('sha256') ? `?sha256=${searchParams.get('sha256')}` : ''); };

async function answer(request) {
  const kept = await caches.open(KEPT);
  const name = nameOf(request.url);
  const old = await kept.match(name);
  const asked = fetch(request).then(async (fresh) => {
    if (fresh.status === 200) {
      const others = (await kept.keys(name, { ignoreSearch: true })).filter((one) => one.url !== name);
      await kept.put(name, fresh.clone());
      await Promise.all(others.map((one) => kept.delete(one)));
    }
    return fresh;
  });
  if (!old) return asked;
  const late = new Promise((give) => { setTimeout(give, PATIENCE_MS, old); });
  return Promise.race([asked.catch(() => old), late]);
}
