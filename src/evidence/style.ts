/** The style of the page of the evidence: light and dark as the reader's system is, from 390 pixels on, and for paper. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f4f5f7, #14171b);
  --paper: light-dark(#ffffff, #1d2127);
  --ink: light-dark(#1b1f24, #e6e9ee);
  --faint: light-dark(#5c6675, #9ea8b7);
  --line: light-dark(#d0d5dc, #3a424d);
  --info: light-dark(#3b6fb6, #7aa9e6);
  --warning: light-dark(#8a5000, #f0a63c);
  --critical: light-dark(#b3261e, #ff7b72);
  color: var(--ink);
  background: var(--ground);
  font: 16px / 1.5 system-ui, sans-serif;
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; overflow-wrap: anywhere; }
header { padding: 0.5rem 0 1rem; }
header p { margin: 0; color: var(--faint); }
header .kind { text-transform: uppercase; letter-spacing: 0.08em; font-size: 0.8rem; }
h1 { margin: 0.1rem 0; font-size: 1.9rem; line-height: 1.2; }
h2 { margin: 0 0 0.6rem; font-size: 1.1rem; }
section { margin: 0 0 1rem; padding: 1rem; background: var(--paper); border: 1px solid var(--line); border-radius: 10px; }
.info { color: var(--info); }
.warning { color: var(--warning); }
.critical { color: var(--critical); }
.pictures { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; border-radius: 6px; background: var(--line); }
figcaption { margin-top: 0.3rem; color: var(--faint); font-size: 0.9rem; }
.faces { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; align-content: start; }
.faces img { aspect-ratio: 1; object-fit: contain; }
.missing { margin: 0; padding: 2rem 1rem; border: 1px dashed var(--line); border-radius: 6px; color: var(--faint); text-align: center; }
.small { display: block; width: 3rem; height: 3rem; object-fit: contain; border-radius: 4px; background: var(--line); }
dl { margin: 0; }
dl div { display: grid; grid-template-columns: 8rem minmax(0, 1fr); gap: 0.2rem 1rem; padding: 0.3rem 0; border-top: 1px solid var(--line); }
dl div:first-child { border-top: 0; }
dt { color: var(--faint); }
dd { margin: 0; }
.caution { margin: 0.8rem 0 0; padding: 0.6rem 0.8rem; border-left: 3px solid var(--warning); background: var(--ground); }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.35rem 0.8rem 0.35rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--faint); font-weight: 500; }
th, td { white-space: nowrap; }
td:last-child { white-space: normal; }
.note { display: inline-block; min-width: 14rem; }
code, pre { font: 0.85rem / 1.45 ui-monospace, monospace; }
td code { display: inline-block; min-width: 12rem; overflow-wrap: anywhere; }
pre { margin: 0 0 0.8rem; padding: 0.7rem; overflow-x: auto; border-radius: 6px; background: var(--ground); }
@media (min-width: 50rem) {
  .pictures { grid-template-columns: minmax(0, 3.2fr) minmax(0, 1fr); }
  .faces { grid-template-columns: 1fr; }
}
@media (max-width: 30rem) {
  body { padding: 0.6rem; }
  h1 { font-size: 1.5rem; }
  dl div { grid-template-columns: 1fr; gap: 0; }
}
@media print {
  section { break-inside: avoid; border-color: #bbb; }
}
`;
