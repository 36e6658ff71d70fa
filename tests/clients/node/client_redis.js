// node-redis, in RESP2 and RESP3: what session stores, locks and caches ask for. node client_redis.js PORT
'use strict';
const assert = require('node:assert');
const { createClient } = require('redis');

async function talk(url, RESP) {
  const client = await createClient({ url, RESP }).connect();
  await client.flushAll();
  assert.strictEqual(await client.set('sess:1', 'one', { EX: 1000 }), 'OK');
  assert.strictEqual(await client.get('sess:1'), 'one');
  assert.ok((await client.ttl('sess:1')) > 900);
  assert.strictEqual(await client.expire('sess:1', 2000), 1);
  assert.ok((await client.ttl('sess:1')) > 1900);
  assert.strictEqual(await client.set('lock', 'me', { NX: true, PX: 100000 }), 'OK');
  assert.strictEqual(await client.set('lock', 'you', { NX: true, PX: 100000 }), null);
  assert.deepStrictEqual(await client.mGet(['sess:1', 'nothing', 'lock']), ['one', null, 'me']);
  assert.deepStrictEqual(await client.multi().incr('n').expire('n', 100).get('n').exec(), [1, 1, '1']);
  const set = Array.from({ length: 500 }, (_, i) => client.set(`many:${i}`, 'x'.repeat(i))); // in one pipeline
  assert.ok((await Promise.all(set)).every((reply) => reply === 'OK'));
  const found = new Set();
  for await (const keys of client.scanIterator({ MATCH: 'many:*', COUNT: 100 })) keys.forEach((key) => found.add(key));
  assert.strictEqual(found.size, 500);
  assert.strictEqual(await client.dbSize(), 503);
  assert.strictEqual(await client.del([...found]), 500);
  await assert.rejects(client.lPush('list', 'x'), /^\w*Error: ERR unknown command/);
  await client.select(3);
  assert.strictEqual(await client.get('sess:1'), null);
  await client.close();
}

const url = `redis://127.0.0.1:${process.argv[2]}`;
talk(url, 2).then(() => talk(url, 3)).then(() => process.exit(0));
