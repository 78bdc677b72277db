/** People talk: to one, to several, to themselves. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { bubble, credentialOf, emailOf, openConversation, openWith, say, signIn, startWith, status } from './harness/app.mjs';
import { setUp } from './harness/setup.mjs';

const stage = setUp();

test('two browsers talk both ways', async () => {
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada One' }), signIn(bo, stage.server, { name: 'Bo One' })]);

  await openWith(ada, 'Bo One');
  await say(ada, 'Can you hear me?');
  await status(ada, 'Can you hear me?', 'delivered');

  const row = bo.locator('#conversations .row', { hasText: 'Ada One' });
  await row.locator('.badge:not([hidden])', { hasText: '1' }).waitFor();
  assert.match(await bo.title(), /^\(1\)/u);
  await row.click();
  await bubble(bo, 'Can you hear me?').waitFor();
  assert.equal(await row.locator('.badge').isHidden(), true);
  assert.equal(await bo.title(), 'msgsrouter');
  await say(bo, 'Loud and clear.');
  await bubble(ada, 'Loud and clear.').waitFor();
  assert.deepEqual([...ada.troubles, ...bo.troubles], []);
});

test('one who is not listed talks to whom he knows by credential, and is called by his name', async () => {
  const [ada, shy] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Two' }), signIn(shy, stage.server, { name: 'Shy Two', publish: false })]);

  await shy.getByRole('button', { name: 'New conversation' }).first().click();
  await shy.getByLabel('Or by credential').fill('not one');
  await shy.getByText('is not.').waitFor();
  assert.equal(await shy.locator('#start-go').isDisabled(), true);
  await shy.getByLabel('Or by credential').fill(await credentialOf(ada));
  await shy.locator('#start-go').click();
  await say(shy, 'You cannot find me');

  await openConversation(ada, 'Shy Two');
  await bubble(ada, 'You cannot find me').waitFor();
  assert.equal(await ada.locator('#people .row', { hasText: 'Shy Two' }).count(), 0);
});

test('several people have one conversation, whoever writes', async () => {
  const [ada, bo, chiara] = await Promise.all([stage.page(), stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Three' }), signIn(bo, stage.server, { name: 'Bo Three' }), signIn(chiara, stage.server, { name: 'Chiara Three' })]);
  await startWith(ada, ['Bo Three', 'Chiara Three']);
  await say(ada, 'Lunch at noon?');
  for (const page of [bo, chiara]) {
    await openConversation(page, 'Ada Three');
    await bubble(page, 'Lunch at noon?').waitFor();
  }
  await say(bo, 'Gladly');
  await bubble(ada, 'Gladly').waitFor();
  await bubble(chiara, 'Gladly').waitFor();
  for (const page of [ada, bo, chiara]) assert.equal(await page.locator('#conversations li').count(), 1);
});

test('a note to self arrives once, and in the other window too', async () => {
  const [here, there] = await Promise.all([stage.page(), stage.page()]);
  const who = { name: 'Ada Four' };
  await Promise.all([signIn(here, stage.server, who), signIn(there, stage.server, who)]);

  await here.getByRole('button', { name: 'Note to self' }).first().click();
  await say(here, 'Buy bread');
  await status(here, 'Buy bread', 'delivered');
  await openConversation(there, 'Note to self');
  await bubble(there, 'Buy bread').waitFor();
  // The echo to this window came before what is sent after it.
  await say(there, 'And milk');
  await bubble(here, 'And milk').waitFor();
  assert.equal(await bubble(here, 'Buy bread').count(), 1);
  assert.equal(await bubble(there, 'And milk').count(), 1);
});

test('text from others is text, and other messages are shown as they are', async () => {
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Five' }), signIn(bo, stage.server, { name: '<b>Bo</b> Five' })]);
  const markup = '<img src=x onerror="document.title=1"><script>document.title=1</script> <a href="javascript:1">x</a>';

  await openWith(bo, 'Ada Five');
  await say(bo, markup);
  await openConversation(ada, '<b>Bo</b> Five');
  await bubble(ada, markup).waitFor();

  const name = '<b>Bo</b> Five';
  const bos = { to: await credentialOf(ada), server: stage.server.webSocketUrl, name, email: emailOf(name), secret: `a long secret of ${name}` };
  await bo.evaluate(async ({ to, ...settings }) => {
    const { Client } = await import('/pkg/index.js');
    const other = new Client(settings);
    await other.connect();
    await other.send(to, '<i>reading</i>', { celsius: 21.5, where: '<u>cellar</u>' });
    other.bye();
  }, bos);
  const data = ada.locator('.bubble.data').last();
  assert.equal(await data.locator('.subject').textContent(), '<i>reading</i>');
  assert.deepEqual(JSON.parse((await data.locator('.json').textContent()) ?? ''), { celsius: 21.5, where: '<u>cellar</u>' });
  assert.equal(await ada.locator('#app :is(img:not(#talk-empty img, .qr img), script, a, u, i:not(.json i), b:not(.json b))').count(), 0);
  assert.equal(await ada.title(), 'msgsrouter');
  assert.deepEqual(ada.troubles, []);
});

test('odd recipients and times from others stop nothing', async () => {
  const [ada, mallory] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Seven' }), mallory.goto(stage.server.url)]);
  const to = await credentialOf(ada);

  const md5 = (/** @type {string} */ text) => createHash('md5').update(text).digest('hex');
  const peer = { name: 'Mallory', email: 'mallory@example.org', secret: md5('secret') };
  const from = md5(JSON.stringify(peer));
  const talk = (/** @type {unknown[]} */ to, /** @type {number} */ timestamp, /** @type {string} */ text) => {
    return { to, from, subject: 'talk', timestamp, content: { id: text, name: 'Mallory', text } };
  };
  const messages = [
    { to: [from], from, subject: 'register', timestamp: 1, content: { credential: from, ...peer, location: {}, publish: false } },
    talk([to, 7, null, {}, [to], 'nobody', to.toUpperCase()], Date.now(), 'To whom?'),
    talk([to], 1e300, 'In the far future'),
    talk([to], -1e300, 'Long ago'),
  ];
  const frames = messages.map((message) => JSON.stringify({ checksum: md5(JSON.stringify(message)), ...message }));
  await mallory.evaluate((frames) => {
    const socket = new WebSocket(location.origin.replace('http', 'ws'));
    socket.onopen = () => frames.forEach((frame) => socket.send(frame));
  }, frames);

  await openConversation(ada, 'Mallory');
  for (const text of ['To whom?', 'In the far future', 'Long ago']) await bubble(ada, text).locator('time').waitFor({ state: 'attached' });
  assert.equal(await ada.locator('#conversations li').count(), 1);
  assert.deepEqual(ada.troubles, []);
});

test('what is half written stays with its conversation', async () => {
  const [ada, bo] = await Promise.all([stage.page(), stage.page()]);
  await Promise.all([signIn(ada, stage.server, { name: 'Ada Six' }), signIn(bo, stage.server, { name: 'Bo Six' })]);
  await openWith(ada, 'Bo Six');
  await ada.locator('#text').fill('I was about to say');
  await startWith(ada, ['Bo Six']);
  assert.equal(await ada.locator('#text').inputValue(), 'I was about to say');
  await ada.getByRole('button', { name: 'New conversation' }).first().click();
  await ada.locator('#start-self').click();
  assert.equal(await ada.locator('#text').inputValue(), '');
  await ada.locator('#conversations .row-snippet', { hasText: 'Draft: I was about to say' }).waitFor();
  await ada.locator('#text').press('Shift+Enter');
  await ada.locator('#text').pressSequentially('second line');
  assert.equal(await ada.locator('#text').inputValue(), '\nsecond line');
});
