import { ReactWidget, SidePanel } from '@jupyterlab/ui-components';
import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { Who } from '../components/who';
import { sealIcon } from '../icon';
import type { Model } from '../model';
import { DOMAIN } from '../tokens';

/** The panel `MLO`, a section for each question that it answers. */
export class MloPanel extends SidePanel {
  constructor(model: Model, translator: ITranslator) {
    super({ translator });
    const trans = translator.load(DOMAIN);
    this.id = 'jupyter-mlo-panel';
    this.addClass('jp-mlo-panel');
    this.title.icon = sealIcon;
    this.title.caption = trans.__('MLO: who answers for what runs here');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('MLO'));
    this.addWidget(new WhoSection(model, trans));
  }

  /** Put the focus where typing begins, as soon as it is drawn. */
  focusFirst(frames = 30): void {
    requestAnimationFrame(() => {
      const first = this.node.querySelector<HTMLElement>('[data-mlo-first]');
      first?.focus();
      // A panel that was never open is drawn some frames later.
      if ((!first || document.activeElement !== first) && frames > 0) {
        this.focusFirst(frames - 1);
      }
    });
  }
}

class WhoSection extends ReactWidget {
  constructor(
    private readonly model: Model,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-mlo-section');
    this.title.label = trans.__('Who you are');
  }

  protected override render(): React.JSX.Element {
    return <Who model={this.model} trans={this.trans} />;
  }
}
