// A face and a WebSocket that do what a test tells them, and note what the shell does to them.

class FakeSocket {
  constructor(log) {
    this.log = log;
  }
  send(text) {
    if (this.throwing) throw new Error('not open');
    this.log.push(`send ${JSON.parse(text).subject}`);
    this.last = text;
    // A socket that answers before send() returns: the shell must not trip over itself.
    if (this.echo) this.onmessage?.({ data: text });
  }
  close(code) {
    this.log.push(`close ${code}`);
    this.late = this.onclose;
  }
}

export class FakeFace {
  constructor() {
    this.log = [];
    this.sockets = [];
    this.refusing = false;
    for (const name of ['state', 'refused', 'notSent', 'found', 'notFound', 'outbox', 'trouble', 'lost', 'probe', 'frame']) {
      this[name] = (...told) => this.log.push([name, ...told.map((each) => each?.code ?? each)].join(' '));
    }
  }
  open(url) {
    if (this.refusing) throw new Error('a policy');
    this.log.push(`open ${url}`);
    this.sockets.push(new FakeSocket(this.log));
    return this.sockets.at(-1);
  }
  registered() {
    this.log.push('registered');
  }
  message(text) {
    this.log.push(`message ${JSON.parse(text).content}`);
  }
  sent(ticket, sent) {
    this.log.push(`sent ${ticket} ${sent.status} ${sent.to} ${Number(sent.timestamp) > 0}`);
  }

  // What a test does.
  socket() {
    return this.sockets.at(-1);
  }
  opened() {
    this.socket().onopen({});
  }
  came(data) {
    this.socket().onmessage({ data });
  }
  failed() {
    this.socket().onerror({});
  }
  closed(code) {
    this.socket().onclose({ code, reason: '' });
  }
  lastText() {
    return this.socket().last;
  }
  echo(on) {
    this.socket().echo = on;
  }
  throwing(on) {
    this.socket().throwing = on;
  }
  refuse(on) {
    this.refusing = on;
  }
  // Whether any handler is left on a socket that was given up.
  deaf(index) {
    const { onopen, onmessage, onclose, onerror, late } = this.sockets[index];
    return [onopen, onmessage, onclose, onerror, late].every((handler) => !handler);
  }
  // What was noted since the last call.
  noted() {
    return this.log.splice(0).join('\n');
  }
}

export function settings(server, autoreconnect) {
  return { server, name: '"a"', email: '"b"', secret: '"c"', location: '{}', publish: false, autoreconnect };
}
