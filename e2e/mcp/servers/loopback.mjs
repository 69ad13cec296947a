// Loaded before an HTTP server (node --import): whatever the server asks for, it
// listens on the loopback interface alone, at any free port, tells its parent which,
// and ends when its parent does.
import net from 'node:net';

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  const callback = rest.find((arg) => typeof arg === 'function');
  this.keepAliveTimeout = 60000; // Node's 5 s make clients without retries fail now and then
  this.once('listening', () => process.send?.({ origin: `http://127.0.0.1:${this.address().port}` }));
  return listen.call(this, { port: 0, host: '127.0.0.1' }, callback);
};
process.on('disconnect', () => process.exit());
