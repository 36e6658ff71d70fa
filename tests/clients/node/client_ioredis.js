// ioredis: its ready check, pipelines, transactions, streams of keys. node client_ioredis.js PORT
'use strict';
const assert = require('node:assert');
const Redis = require('ioredis');

async function talk(port) {
  const redis = new Redis(port, '127.0.0.1', { db: 2, connectionName: 'tests' });
  await redis.flushall();
  assert.strictEqual(await redis.client('GETNAME'), 'tests');
  assert.strictEqual(await redis.set('sess:1', 'one', 'EX', 1000), 'OK');
  assert.strictEqual(await redis.get('sess:1'), 'one');
  assert.strictEqual(await redis.set('sess:1', 'two', 'KEEPTTL', 'GET'), 'one');
  assert.ok((await redis.ttl('sess:1')) > 900);
  const bytes = Buffer.from([0, 13, 10, 255]);
  await redis.set('bytes', bytes);
  assert.deepStrictEqual(await redis.getBuffer('bytes'), bytes);
  const pipeline = redis.pipeline();
  for (let i = 0; i < 300; i++) pipeline.set(`many:${i}`, i);
  assert.ok((await pipeline.exec()).every(([error, reply]) => error === null && reply === 'OK'));
  assert.deepStrictEqual(await redis.multi().get('many:7').del('many:7').exists('many:7').exec(),
    [[null, '7'], [null, 1], [null, 0]]);
  const found = new Set();
  for await (const keys of redis.scanStream({ match: 'many:*', count: 50 })) keys.forEach((key) => found.add(key));
  assert.strictEqual(found.size, 299);
  await assert.rejects(redis.hset('hash', 'a', 1), /^ReplyError: ERR unknown command/);
  await redis.quit();
}

talk(Number(process.argv[2])).then(() => process.exit(0));
