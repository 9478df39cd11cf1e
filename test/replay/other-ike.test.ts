import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { replay } from '../../n3iwf/cli/replay.ts';

const folders = ['strongswan', 'strongswan6', 'libreswan'];
const folderOf = (name: string) => fileURLToPath(new URL(`../captures/${name}/`, import.meta.url));

/** Folder and name of each capture. */
const captures = folders.flatMap((folder) =>
  readdirSync(folderOf(folder))
    .filter((file) => file.endsWith('.pcap'))
    .map((file) => [folder, file.slice(0, -5)] as const),
);

function run(folder: string, name: string, options: Parameters<typeof replay>[1]) {
  const lines: string[] = [];
  const status = replay(join(folderOf(folder), `${name}.pcap`), options, (line) => void lines.push(line));
  return { status, text: lines.join('\n') };
}

interface Summary {
  readonly ikeMessages: number;
  readonly messages: readonly {
    readonly kind: string;
    readonly payloads: string;
    readonly verdict: string;
  }[];
}

describe("captures with strongSwan's charon and libreswan's pluto", () => {
  it('are all there', () => {
    expect(captures.length).toBeGreaterThan(20);
  });

  it.each(captures)('%s %s: every message is read, nothing in it is unknown', (folder, name) => {
    const { status, text } = run(folder, name, { keys: folderOf(folder), json: true });
    const { ikeMessages, messages } = JSON.parse(text) as Summary;
    expect(status).toBe(0);
    expect(ikeMessages).toBeGreaterThan(3);
    for (const { payloads, verdict } of messages) {
      // of a peer that was sent elsewhere there are no keys
      if (name !== 'redirect') expect(['ok', 'fragment']).toContain(verdict);
      expect(payloads).not.toMatch(/\(\d+\)(?<!EAP\(\d\))|\b\d+!/);
    }
  });

  it.each(captures)('%s %s: both proofs of each SA fit, and not with another key', (folder, name) => {
    const keys = folderOf(folder);
    const checked = run(folder, name, { keys, psk: 'sesame-sesame-sesame' });
    expect(checked.status).toBe(0);
    expect(checked.text.match(/AUTH fits/g)?.length).toBeGreaterThanOrEqual(2);
    const isSigned = /^(ecdsa|rsa|fragments|pq-cert)/.test(name);
    const { status, text } = run(folder, name, { keys, psk: 'not the one' });
    expect(status).toBe(isSigned ? 0 : 1);
    expect(/AUTH does not fit/.test(text)).toBe(!isSigned);
  });

  it.each(captures)('%s %s: our engine does again what it did', (folder, name) => {
    const { status, text } = run(folder, name, { againstEngine: join(folderOf(folder), `${name}.record`) });
    expect(text).toMatch(/[1-9]\d* messages compared: the engine sends what was captured/);
    expect(status).toBe(0);
  });
});
