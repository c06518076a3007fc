import { act } from '@testing-library/react';
import { nullTranslator } from '@jupyterlab/translation';
import type { AccordionPanel } from '@lumino/widgets';
import { OpenNotebooks } from '../src/document';
import { Model } from '../src/model';
import { View } from '../src/view';
import { MloPanel } from '../src/widgets/panel';
import { ADA, PASSPHRASE, Server } from './server';

it('leaves the heights and folds of its parts alone when somebody signs in or out', async () => {
  const server = new Server();
  const model = new Model(server, server);
  await model.refresh();
  const panel = new MloPanel({
    ...{ model, notebooks: new OpenNotebooks(), view: new View() },
    ...{ translator: nullTranslator, onSeal: () => undefined }
  });
  const content = panel.content as AccordionPanel;
  content.setRelativeSizes([6, 3, 1, 1]);
  content.collapse(2);
  const state = (): unknown => [
    content.relativeSizes(),
    content.widgets.map(section => section.isHidden)
  ];
  const before = state();
  expect((before as [number[], boolean[]])[1]).toEqual([false, false, true, false]);
  await act(() => model.login({ mlo: ADA.id, passphrase: PASSPHRASE }));
  expect(state()).toEqual(before);
  await act(() => model.logout());
  expect(state()).toEqual(before);
  panel.dispose();
});
