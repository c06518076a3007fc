import { type AccordionPanel } from '@lumino/widgets';
import { ReactWidget, SidePanel } from '@jupyterlab/ui-components';
import type { ITranslator } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import * as React from 'react';
import { History } from '../components/history';
import { Mandates } from '../components/mandates';
import { Notebook } from '../components/notebook';
import { Who } from '../components/who';
import type { OpenNotebooks } from '../document';
import { sealIcon } from '../icon';
import type { Model } from '../model';
import { DOMAIN } from '../tokens';
import type { View } from '../view';

export interface PanelOptions {
  model: Model;
  /** None where notebooks cannot be opened. */
  notebooks: OpenNotebooks | null;
  view: View;
  translator: ITranslator;
  onSeal: () => void;
}

/** The panel `MLO`, a section for each question that it answers. */
export class MloPanel extends SidePanel {
  constructor(options: PanelOptions) {
    super({ translator: options.translator });
    const { model, notebooks, view, onSeal } = options;
    const trans = options.translator.load(DOMAIN);
    this.id = 'jupyter-mlo-panel';
    this.addClass('jp-mlo-panel');
    this.title.icon = sealIcon;
    this.title.caption = trans.__('MLO: who answers for what runs here');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('MLO'));
    this.addWidget(
      new Section(
        trans.__('Who you are'),
        () => <Who model={model} trans={trans} />,
        true
      )
    );
    if (notebooks) {
      const notebook = new Section(trans.__('This notebook'), () => (
        <Notebook
          key={notebooks.current?.panel.id ?? ''}
          document={notebooks.current}
          {...{ model, view, trans, onSeal }}
        />
      ));
      const history = new Section(trans.__('History'), () => (
        <History notebook={notebooks.current?.notebook ?? null} {...{ model, trans }} />
      ));
      this.addWidget(notebook);
      this.addWidget(history);
      notebooks.currentChanged.connect(() => {
        view.filter = 'all'; // of another notebook it would hide cells that nobody looked for
        notebook.update();
        history.update();
      });
    }
    const label = trans.__('Mandates');
    this._mandates = new Section(
      label,
      seen => <Mandates {...{ model, notebooks, trans, seen }} />,
      true
    );
    this.addWidget(this._mandates);
    const content = this.content as AccordionPanel;
    // Once: sections keep the heights that people give them, whoever signs in or out.
    content.setRelativeSizes(notebooks ? [8, 5, 3, 2] : [5, 3]);
    // Its title tells of mandates that end soon, folded or not.
    model.mandates.changed.connect(() => {
      const { soon } = model.mandates;
      this._mandates.title.label = soon
        ? trans._n('Mandates (%1 ends soon)', 'Mandates (%1 end soon)', soon)
        : label;
    });
  }

  /** Open the section `Mandates`. */
  expandMandates(): void {
    const content = this.content as AccordionPanel;
    content.expand(content.widgets.indexOf(this._mandates));
  }

  /** Open the section `This notebook`. */
  expandNotebook(): void {
    (this.content as AccordionPanel).expand(1);
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

  private readonly _mandates: Section;
}

/** Drawn while somebody can see it, and not otherwise. */
class Section extends ReactWidget {
  /**
   * @param draw - is told whether somebody can see it.
   * @param kept - once drawn it stays: what was typed is there when it is shown again.
   */
  constructor(
    label: string,
    private readonly draw: (seen: boolean) => React.JSX.Element,
    private readonly kept = false
  ) {
    super();
    this.addClass('jp-mlo-section');
    this.title.label = label;
    this._changes.observe(this.node, { childList: true, subtree: true });
  }

  override dispose(): void {
    this._changes.disconnect();
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.update();
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.update();
  }

  protected override render(): React.JSX.Element | null {
    this._drawn = this.isVisible || (this.kept && this._drawn);
    return this._drawn ? this.draw(this.isVisible) : null;
  }

  private _drawn = false;
  /** Scrolled with keys: by what in it can have the focus, else by itself. */
  private readonly _changes = new MutationObserver(() => {
    if (
      this.node.querySelector(
        'a[href], button, input, select, textarea, summary, [tabindex]'
      )
    ) {
      this.node.removeAttribute('tabindex');
    } else {
      this.node.tabIndex = 0;
    }
  });
}
