// Captures kept on this phone, in the browser's own database.
const opened = new Promise((give, fail) => {
  const asked = indexedDB.open('gridlite', 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore('captures', { keyPath: 'id', autoIncrement: true });
  asked.onsuccess = () => give(asked.result);
  asked.onerror = () => fail(asked.error);
});

async function within(mode, work) {
  const store = (await opened).transaction('captures', mode).objectStore('captures');
  const asked = work(store);
  return new Promise((give, fail) => { asked.onsuccess = () => give(asked.result); asked.onerror = () => fail(asked.error); });
}

export const keepCapture = (capture) => within('readwrite', (store) => store.add(capture));
export const dropCapture = (id) => within('readwrite', (store) => store.delete(id));
export const allCaptures = async () => (await within('readonly', (store) => store.getAll())).reverse();
