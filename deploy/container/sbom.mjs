// Makes the image's list of contents out of npm's: npm knows its own packages alone, while Node and Debian's packages are
// inside as well. `npm sbom --sbom-format=cyclonedx | node sbom.mjs [dpkg's status file]` writes CycloneDX 1.5.
import { existsSync, readFileSync } from 'node:fs';

/** Installed packages in dpkg's status file: paragraphs of `Name: value` lines, apart by an empty line. */
export function debianComponents(status) {
  const components = [];
  for (const paragraph of status.split(/\n\n+/)) {
    const field = (name) => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1];
    const [name, version, architecture] = [field('Package'), field('Version'), field('Architecture')];
    if (name === undefined || version === undefined || field('Status') !== 'install ok installed') continue;
    const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`;
    components.push({ 'bom-ref': purl, type: 'library', name, version, purl });
  }
  return components;
}

/** `bom` of npm with the Node that runs this and what `status` lists; named after the project, not after its folder. */
export function wholeOf(bom, status, { node, openssl }) {
  const { component } = bom.metadata;
  const project = component['bom-ref'].slice(0, component['bom-ref'].lastIndexOf('@'));
  const runtime = (name, version) => ({
    'bom-ref': `${name}@${version}`,
    type: name === 'node' ? 'platform' : 'library',
    name,
    version,
    purl: `pkg:generic/${name}@${version}`,
  });
  return {
    ...bom,
    metadata: { ...bom.metadata, component: { ...component, name: project, type: 'application' } },
    components: [
      ...bom.components,
      runtime('node', node),
      runtime('openssl', openssl),
      ...debianComponents(status),
    ],
  };
}

if (import.meta.main) {
  const path = process.argv[2] ?? '/var/lib/dpkg/status';
  const status = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const whole = wholeOf(JSON.parse(readFileSync(0, 'utf8')), status, process.versions);
  process.stdout.write(`${JSON.stringify(whole, null, 1)}\n`);
}
