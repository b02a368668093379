/**
 * What the built program takes of undici: requests over agents, also through proxies. The main file of the package brings
 * fetch, WebSocket, caches and mocks along as well, whose mere presence takes 14 MB of memory in a process.
 */
'use strict';

const Dispatcher = require('undici/lib/dispatcher/dispatcher.js');

// As the main file does it.
Object.assign(Dispatcher.prototype, require('undici/lib/api/index.js'));

module.exports = {
  Agent: require('undici/lib/dispatcher/agent.js'),
  ProxyAgent: require('undici/lib/dispatcher/proxy-agent.js'),
  EnvHttpProxyAgent: require('undici/lib/dispatcher/env-http-proxy-agent.js'),
  fetch() {
    throw new Error('this build of undici has no fetch; send requests through an agent');
  },
};
