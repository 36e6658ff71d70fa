// The shop of web.py with Express: node app.js PORT redis|memcached STORE_PORT
'use strict';
const express = require('express');
const session = require('express-session');

async function makeStore(kind, port) {
  if (kind === 'memcached') {
    const MemcachedStore = require('connect-memcached')(session);
    return new MemcachedStore({ hosts: [`127.0.0.1:${port}`] });
  }
  const { createClient } = require('redis');
  const { RedisStore } = require('connect-redis');
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  await client.connect();
  return new RedisStore({ client });
}

const waiting = new Map();

// Resolves when the other request of that word is here, too.
function meet(word) {
  return new Promise((resolve) => {
    if (!waiting.has(word)) return waiting.set(word, resolve);
    waiting.get(word)();
    waiting.delete(word);
    resolve();
  });
}

function shop(store) {
  const app = express();
  app.use(session({ store, secret: 'of the tests', resave: false, saveUninitialized: false }));
  app.post('/login', (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      Object.assign(req.session, { user: req.query.user, cart: [] });
      if (req.query.ttl) req.session.cookie.maxAge = 1000 * req.query.ttl;
      res.json({});
    });
  });
  app.get('/me', (req, res) => {
    if (!req.session.user) return res.status(401).json({});
    res.json({ user: req.session.user, cart: req.session.cart });
  });
  app.post('/add', async (req, res) => {
    if (req.query.meet) await meet(req.query.meet);
    req.session.cart.push(req.query.item);
    res.json({});
  });
  app.post('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.json({})));
  });
  return app;
}

const [port, kind, storePort] = process.argv.slice(2);
makeStore(kind, storePort).then((store) => shop(store).listen(Number(port), '127.0.0.1'));
