// A face and a WebSocket that do what a test tells them, and note what the shell does to them.

class FakeSocket {
  constructor(log) {
    this.log = log;
  }
  send(data) {
    if (this.throwing) throw new Error('not open');
    if (typeof data !== 'string') {
      this.log.push(`send ${data.length} bytes`);
      this.last = data;
      return;
    }
    const text = data;
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
    const plain = ['state', 'refused', 'notSent', 'found', 'notFound', 'outbox', 'trouble', 'lost', 'probe', 'restore', 'noReply', 'restored', 'gap'];
    for (const name of plain) {
      this[name] = (...told) => this.log.push([name, ...told.map((each) => each?.code ?? each)].join(' '));
    }
  }
  open(url, subprotocol) {
    if (this.refusing) throw new Error('a policy');
    this.log.push(['open', url, ...(subprotocol ? [subprotocol] : [])].join(' '));
    this.sockets.push(new FakeSocket(this.log));
    return this.sockets.at(-1);
  }
  ask(question) {
    this.questions ??= [];
    this.questions.push(question);
    this.log.push(`ask ${question[0]}`);
  }
  registered() {
    this.log.push('registered');
  }
  frame(direction, text, bytes) {
    this.log.push(`frame ${direction} ${text.trim()}${bytes ? ` in ${bytes.length} bytes` : ''}`);
  }
  persist(ticket, changes, strict) {
    this.ticket = ticket;
    this.rows = (this.rows ?? []).concat(changes.filter(([, value]) => value));
    const keys = changes.map(([key, value]) => (value instanceof Uint8Array ? '+' : '-') + key.slice(0, 8)).sort();
    this.log.push(['persist', ...(strict ? ['strict'] : []), ...keys].join(' '));
  }
  message(incoming, bytes) {
    this.incoming = incoming;
    this.log.push(`message ${bytes ? `of ${bytes.length} bytes` : JSON.parse(incoming.text).content}${incoming.encrypted ? ' encrypted' : ''}`);
  }
  reply(ticket, incoming) {
    this.log.push(`reply ${ticket} ${JSON.parse(incoming.text).content}`);
  }
  accepted(ticket, { id, timestamp, recipients, encrypted }) {
    this.log.push(`accepted ${ticket} ${id.slice(-1)} ${timestamp} ${JSON.stringify(recipients)}${encrypted ? ' encrypted' : ''}`);
  }
  receipt({ ticket, id, timestamp, recipient }) {
    this.log.push(`receipt ${ticket} ${id.slice(-1)} ${timestamp} ${JSON.stringify(recipient)}`);
  }
  devices(devices) {
    this.log.push(`devices ${JSON.stringify(devices)}`);
  }
  sent(ticket, sent) {
    this.log.push(`sent ${ticket} ${sent.status} ${sent.to} ${Number(sent.timestamp) > 0}`);
  }

  // What a test does.
  socket() {
    return this.sockets.at(-1);
  }
  opened(subprotocol) {
    this.socket().protocol = subprotocol ?? '';
    this.socket().onopen({});
  }
  cameBytes(bytes) {
    this.socket().onmessage({ data: bytes.slice().buffer });
  }
  lastBytes() {
    return this.socket().last;
  }
  lastTicket() {
    return this.ticket;
  }
  kept() {
    return this.rows ?? [];
  }
  question() {
    return this.questions.shift();
  }
  tag() {
    return this.incoming.tag;
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

export function settings(server, autoreconnect, secret = '"c"') {
  return { server, name: '"a"', email: '"b"', secret, location: '{}', publish: false, autoreconnect, device: 'desk' };
}

export function draft(to, content, more) {
  return { to, subject: '"s"', content, bytes: undefined, expireAfter: undefined, realtime: false, id: undefined, request: undefined, replyTo: undefined, encrypt: 'auto', allowPlain: false, ...more };
}
