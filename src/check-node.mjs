// Plain JavaScript, because it must run on the Node that is too old for the rest.
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Watchpost needs Node 22.18 or newer, and this is ${process.versions.node}.\n` +
      'On Linux (x64, arm64) "npm install" installs Node 24 for everything that runs through npm:\n' +
      'npm start, npm run demo, npm run watchpost -- ... Elsewhere, install Node 24 from https://nodejs.org.',
  );
  process.exit(1);
}
