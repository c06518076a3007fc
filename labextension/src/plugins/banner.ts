import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs, DOMAIN, IMloNotebooks } from '../tokens';
import { AlteredBanner } from '../widgets/banner';

/** Says above a notebook that it was altered after it was sealed. */
export const banner: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlo:banner',
  description: 'Warns above a sealed notebook that was altered.',
  autoStart: true,
  requires: [IMloNotebooks],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: IMloNotebooks,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    notebooks.opened.connect((_, open) => {
      open.panel.contentHeader.addWidget(
        new AlteredBanner(open, trans, () => {
          void app.commands.execute(CommandIDs.showChanged);
        })
      );
    });
  }
};
