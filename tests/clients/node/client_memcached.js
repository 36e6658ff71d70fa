// memcached, on which connect-memcached and others are built. node client_memcached.js PORT
'use strict';
const assert = require('node:assert');
const { promisify } = require('node:util');
const Memcached = require('memcached');

async function talk(port) {
  const client = new Memcached(`127.0.0.1:${port}`);
  const call = (name, ...args) => promisify(client[name]).apply(client, args);
  await call('flush');
  assert.strictEqual(await call('set', 'text', 'one', 1000), true);
  assert.strictEqual(await call('get', 'text'), 'one');
  assert.strictEqual(await call('set', 'object', { cart: [1, 2] }, 1000), true); // told apart by flags
  assert.deepStrictEqual(await call('get', 'object'), { cart: [1, 2] });
  assert.strictEqual(await call('add', 'new', 1, 0), true);
  await assert.rejects(call('add', 'new', 2, 0), /not stored/);
  assert.strictEqual(await call('incr', 'new', 4), 5);
  const { cas, text } = await call('gets', 'text');
  assert.strictEqual(text, 'one');
  assert.strictEqual(await call('cas', 'text', 'two', cas, 1000), true);
  assert.strictEqual(await call('cas', 'text', 'three', cas, 1000), false);
  assert.deepStrictEqual(await call('getMulti', ['text', 'nothing']), { text: 'two' });
  assert.strictEqual(await call('touch', 'text', 2000), true);
  assert.strictEqual(await call('append', 'text', '!'), true);
  assert.strictEqual(await call('get', 'text'), 'two!');
  assert.strictEqual(await call('del', 'text'), true);
  assert.strictEqual(await call('get', 'text'), undefined);
  assert.ok((await call('stats'))[0].curr_items >= 2);
  await call('items');
}

talk(process.argv[2]).then(() => process.exit(0));
