import { LabIcon } from '@jupyterlab/ui-components';

/** A person in a seal; drawn for this package. */
export const sealIcon = new LabIcon({
  name: 'jupyter-mlo:seal',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <path fill-rule="evenodd" d="M12 1.5 14.6 4l3.5-.6.6 3.5L22 8.6l-1.7 3.2 1.7 3.2-3.300 1.7-.6 3.5-3.5-.6-2.6 2.5-2.6-2.5-3.5.6-.6-3.5L2 15l1.7-3.2L2 8.6l3.300-1.7.6-3.5 3.5.6zM12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14z"/>
    <circle cx="12" cy="9.8" r="2.4"/>
    <path d="M7.5 16c.4-2.4 2.2-3.4 4.5-3.4s4.100 1 4.5 3.4z"/>
  </g>
</svg>`
});
