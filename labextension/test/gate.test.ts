import { Gate, type Prompt } from '../src/gate';
import { Model } from '../src/model';
import { ADA, PASSPHRASE, Server } from './server';

async function closed(prompt: Prompt) {
  const server = new Server();
  const model = new Model(server, server);
  await model.refresh();
  const said: string[] = [];
  let refuse = (): void => undefined;
  const gate = new Gate(model, () => Promise.resolve(prompt), {
    remind: () => said.push('remind'),
    ask: give => {
      said.push('ask');
      refuse = give;
    },
    answered: () => said.push('answered')
  });
  const signIn = () => model.login({ mlo: ADA.id, passphrase: PASSPHRASE, hours: 1 });
  return {
    gate,
    model,
    said,
    signIn,
    refuse: () => {
      refuse();
    }
  };
}

it('lets all pass where it is off', async () => {
  const { gate, said } = await closed('off');
  expect(await gate.pass()).toBe(true);
  await gate.ran();
  expect(said).toEqual([]);
});

it('reminds once, until somebody was signed in', async () => {
  const { gate, said, signIn, model } = await closed('remind');
  expect(await gate.pass()).toBe(true);
  await gate.ran();
  await gate.ran();
  expect(said).toEqual(['remind']);
  await signIn();
  await gate.ran();
  await model.logout();
  await gate.ran();
  expect(said).toEqual(['remind', 'remind']);
});

it('reminds where cells run past it although it should hold them', async () => {
  const { gate, said } = await closed('require');
  await gate.ran();
  expect(said).toEqual(['remind']);
});

it('holds cells until somebody is signed in, asks once, and keeps their order', async () => {
  const { gate, said, signIn } = await closed('require');
  const passed: number[] = [];
  const cells = [1, 2, 3].map(n => gate.pass().then(() => passed.push(n)));
  await new Promise(resolve => setTimeout(resolve));
  expect([passed, said]).toEqual([[], ['ask']]);
  await signIn();
  await Promise.all(cells);
  expect([passed, said]).toEqual([
    [1, 2, 3],
    ['ask', 'answered']
  ]);
  expect(await gate.pass()).toBe(true);
});

it('runs none of the cells that were given up, and asks again for the next', async () => {
  const { gate, said, refuse } = await closed('require');
  const cells = [gate.pass(), gate.pass()];
  await new Promise(resolve => setTimeout(resolve));
  refuse();
  expect(await Promise.all(cells)).toEqual([false, false]);
  void gate.pass();
  await new Promise(resolve => setTimeout(resolve));
  expect(said).toEqual(['ask', 'answered', 'ask']);
});
