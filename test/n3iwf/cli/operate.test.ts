/** Commands on a running node: real sockets and commands; the node behind them is one of memory. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rekeyUe, releaseByOperator } from '../../../n3iwf/admin/actions.ts';
import { NodeView } from '../../../n3iwf/admin/view.ts';
import { NodeControl, nodeRoutes } from '../../../n3iwf/cli/node-control.ts';
import { askControl } from '../../../n3iwf/io/control-http.ts';
import { cli } from '../../support/command-line.ts';
import { World } from '../../support/world.ts';

const supi = '208930000000001';
let folder: string;
let socket: string;
let world: World;
let control: NodeControl;
const told: string[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'operate-'));
  socket = join(folder, 'c.sock');
  world = new World({ auth: 'qkd', ppk: 'rfc9867' });
  await world.register();
  await world.openSession();
  const { gateway } = world;
  const view = new NodeView({
    gateway,
    nodeName: () => 'n3iwf',
    policy: () => 'qkd-required',
    startedMs: 0,
    wallMs: () => world.now,
    draining: () => gateway.draining,
    keySupply: () => undefined,
    keyCounts: undefined,
    audit: undefined,
  });
  told.length = 0;
  control = await NodeControl.open({ path: socket });
  control.serve(
    nodeRoutes(view, {
      release: (id, text) => {
        told.push(text);
        releaseByOperator(gateway, id, text);
      },
      rekey: (id) => rekeyUe(gateway, id),
      drain: (text) => void told.push(`drain ${text}`),
    }),
  );
});
afterEach(async () => {
  await control.close();
  rmSync(folder, { recursive: true });
});

/** Runs a command line against the socket. */
const ask = (...words: string[]) => cli(...words, '-s', socket);

describe('commands that look', () => {
  it('show the node', async () => {
    const { status, text } = await ask('status');
    expect(status).toBe(0);
    expect(text).toMatch(/^node +n3iwf, version/);
    expect(text).toMatch(/UEs +attached 1\n/);
    expect(text).toMatch(/keys of SAs +qkd 1\n/);
    expect(text).toContain('  0  amf   up          255    1\n');
    expect(text).toContain('no alarm');
    world.loseAmf();
    expect((await ask('status')).text).toMatch(/amfLost +critical +\S+ +AMF amf: lost/);
  });

  it.each([
    ['ues', /^ID +UE +STATE.*\n +1 +imsi-208930000000001 +attached +192\.0\.2\.16:4500 +amf +1 +qkd +\d/],
    ['sessions', /imsi-208930000000001 +1 +ipv4 +192\.0\.2\.2 +1\/9 +0 +0/],
    ['keys', /given to SAs +3\nkeys of SAs +qkd 1/],
    [
      `ue ${supi}`,
      /IKE SA +[0-9a-f]{16}_i [0-9a-f]{16}_r\nsuite +aes256-gcm16.*\nAUTH +qkd\/eap, key [0-9a-f-]{36}/,
    ],
    ['ue #1', /signalling: key [0-9a-f-]{36}\nsession 1: key [0-9a-f-]{36}/],
    ['top --once', /UEs 1 {2}sessions 1 {2}SAs 1\+2/],
  ])('%s', async (line, wanted) => {
    const { status, text } = await ask(...line.split(' '));
    expect(status).toBe(0);
    expect(text).toMatch(wanted);
    for (const each of text.split('\n')) expect(each.length).toBeLessThanOrEqual(80);
  });

  it.each(['status', 'ues', 'sessions', 'keys', `ue ${supi}`, 'top'])('%s --json is JSON', async (line) => {
    const { status, text } = await ask(...line.split(' '), '--json');
    expect(status).toBe(0);
    expect(JSON.parse(text)).toBeInstanceOf(Object);
  });
});

describe('commands that act', () => {
  it('release a UE at the AMF and at the UE, with a reason for the log', async () => {
    const { status, text } = await ask('release', supi, '--reason', 'stolen');
    expect({ status, text }).toEqual({ status: 0, text: 'UE #1 is being released\n' });
    await world.settle();
    expect(world.left()).toEqual({ ues: 0, teids: 0, addresses: 0 });
    expect(told).toEqual(['stolen']);
    expect((await ask('ues')).text).toBe('no UE\n');
  });

  it('rekey each SA of a UE, and the UE goes on', async () => {
    const keys = () =>
      [...world.gateway.journal.sas].flatMap((sa) => [sa, ...sa.children.values()].map((each) => each.keyId));
    const before = keys();
    expect((await ask('rekey', '#1')).text).toBe('UE #1: rekey of 3 SAs begun\n');
    await world.settle();
    const after = keys();
    expect(after).toHaveLength(3);
    for (const keyId of after) expect(before).not.toContain(keyId);
    expect(await world.ping()).toBe(true);
    expect([...world.gateway.journal.sas].map(({ rekeys }) => rekeys)).toEqual([1]);
  });

  it('have nothing to rekey of a UE that is not attached', async () => {
    world.ue.ue.disconnect();
    world.loseAmf();
    await world.settle();
    expect(await ask('rekey', '#1')).toMatchObject({ status: 9, text: 'n3iwf: there is no UE "#1"' });
  });

  it('drain the node', async () => {
    expect((await ask('drain')).text).toMatch(/takes no more UEs/);
    expect(told).toEqual(['drain by an operator']);
  });
});

describe('what is wrong is said', () => {
  it('no such UE', async () => {
    expect(await ask('ue', '208930000000002')).toMatchObject({
      status: 9,
      text: 'n3iwf: there is no UE "208930000000002"',
    });
    expect((await ask('release', 'nobody')).status).toBe(9);
    expect((await cli('ue')).text).toMatch(/needs the SUPI of a UE/);
  });

  it('no socket, and how to configure one', async () => {
    const gone = await cli('status', '-s', join(folder, 'none'));
    expect(gone.status).toBe(9);
    expect(gone.text).toMatch(/control: \{ path: \.\.\. \}.*--socket PATH/);
    const config = join(folder, 'n.yaml');
    writeFileSync(config, 'ike: {}');
    expect((await cli('status', '-c', config)).status).toBe(2);
    writeFileSync(config, usable);
    const silent = await cli('ues', '-c', config);
    expect(silent).toMatchObject({ status: 9, text: expect.stringContaining('control: { path: /run') });
    writeFileSync(config, `${usable}\ncontrol: { path: ${socket} }`);
    expect(await cli('ues', '-c', config)).toMatchObject({ status: 0 });
  });

  it('a socket that nobody serves any more, and one that is none', async () => {
    const server = createServer();
    const stale = join(folder, 'stale');
    await new Promise<void>((resolve) => void server.listen(stale, resolve));
    // Closing would remove the file, as a crash does not.
    writeFileSync(join(folder, 'file'), '');
    server.close();
    expect((await cli('status', '-s', stale)).text).toMatch(/no node runs|does not run/);
    expect((await cli('status', '-s', join(folder, 'file'))).text).toMatch(/does not run any more/);
    expect((await cli('status', '-s', join(folder, 'file', 'x'))).text).toMatch(/no path of a socket/);
  });

  it('a node that is served is not pushed aside by a second one', async () => {
    await expect(NodeControl.open({ path: socket })).rejects.toMatchObject({
      code: 'N3IWF_E_BIND',
      message: expect.stringContaining('another process serves it'),
    });
    expect((await ask('ues')).status).toBe(0);
  });
});

describe('requests of the socket', () => {
  it.each([
    ['GET', '/nothing', 404],
    ['DELETE', '/ues', 404],
    ['GET', '/ues/%zz', 404],
    ['GET', '/ues/../status', 404],
    ['GET', '/events?since=-1', 400],
    ['GET', '/events?limit=x', 400],
    ['POST', '/drain', 400, { why: 1 }],
    ['GET', '/audit', 200],
    ['GET', '/events?since=3&limit=2', 200],
    ['GET', '/ues/1/ladder', 200],
    ['GET', '/amfs', 200],
    ['GET', '/alarms', 200],
  ] as const)('%s %s is %i', async (method, path, status, body?: unknown) => {
    expect((await askControl(socket, method, path, body)).status).toBe(status);
  });
});

const usable = `
ike: { address: 192.0.2.1, identity: n3iwf.example, auth: eap-only, ppk: none }
inner: { pool: 10.45.0.0/16, address: 10.45.0.1 }
n2: { n3iwfId: 135, plmn: { mcc: "208", mnc: "93" }, tac: "000001", slices: [{ sst: 1 }], amfs: [{ addresses: [192.0.2.10] }] }
n3: { address: 192.0.2.1 }
`;
