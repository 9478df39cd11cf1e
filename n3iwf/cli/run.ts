import type { Config } from '../config.ts';
import { defaultAtOnce, drain } from '../drain.ts';
import type { Translation } from '../free5gc/translate.ts';
import { type CaptureOptions, LabCapture } from '../io/lab-capture.ts';
import { randomOctets } from '../io/machine.ts';
import { OtlpExporter } from '../io/otlp-http.ts';
import { serviceManager } from '../io/service-manager.ts';
import { bothTaps, UeTraces } from '../io/ue-trace.ts';
import { AttachSpans } from '../journal/attach-spans.ts';
import type { EventFeed } from '../journal/feed.ts';
import { logFeed } from '../journal/feed-log.ts';
import type { Log } from '../log.ts';
import { n2Profile } from '../n2/profile.ts';
import { GatewayShell } from '../shell.ts';
import { AmfLinks, sctpDial } from './amf-links.ts';
import { adminToken, countingObservers, IkeEventCounts, openAdmin } from './node-admin.ts';
import { readNodeConfig, withAddresses } from './node-config.ts';
import { NodeControl, nodeRoutes, traceRoutes } from './node-control.ts';
import { keyedNode, watchKeys } from './node-keys.ts';
import { actionsOn, SupplySeenLast, viewOf } from './node-views.ts';
import { type NodeKeys, openKeys } from './open-keys.ts';
import { type NodeLog, openLog } from './open-log.ts';
import { type ReloadedNode, reload } from './reload.ts';
import { shellConfigOf } from './shell-config.ts';
import { type EndWatch, onReload, watchEnd } from './signals.ts';

/**
 * Runs the N3IWF by its configuration file, until SIGINT or SIGTERM.
 *
 * @returns 0 after an orderly end, 130 when a second signal cut it short
 * @throws OperatorError for a wrong configuration (before a socket opens), a busy port, a KME that does not answer
 */
export async function runNode(path: string, options: CaptureOptions = {}): Promise<number> {
  const { config, log } = readAndTell(path, options);
  const addressed = await withAddresses(config);
  const shellConfig = shellConfigOf(addressed, options.keylog !== undefined);
  const token = adminToken(config.admin);
  const control = await NodeControl.open(config.control);
  const keys = config.qkd === undefined ? undefined : await openKeys(config.qkd, log);
  const capture = new LabCapture(options);
  const ikeEvents = new IkeEventCounts();
  const traces = new UeTraces();
  const shell = await GatewayShell.open(
    shellConfig,
    keys?.store,
    log,
    countingObservers(capture.observers(), ikeEvents),
    bothTaps(capture, traces),
  );
  traces.attach(shell.gateway);
  const { feed } = shell.gateway.journal;
  const amfs = new AmfLinks(shell, sctpDial(config.n2, addressed.n2.localAddresses), log);
  amfs.set(config.n2.amfs);
  const supply = new SupplySeenLast(shell.gateway);
  const ending = watchEnd();
  const stopKeyWatch = startKeyWatch(config, keys, shell, supply, control, log);
  const named = { nodeName: () => config.n2.name, policy: () => config.ike.policy };
  const view = viewOf({ ...named, shell, keys, supply });
  const actions = actionsOn(shell, (text) => ending.ask(text));
  control.serve({ ...nodeRoutes(view, actions), ...traceRoutes(view, traces) });
  const admin = await openAdminPort({ config, shell, ikeEvents, keys, supply, control, token, log });
  const manager = serviceManager();
  const { exposeKeys } = shellConfig.gateway.ike;
  const changed = reloadedNode({ shell, amfs, keys, log, exposeKeys });
  const stopReloads = onReload(() => {
    manager.reloading();
    if (reload(path, config, changed, log)) feed.add({ kind: 'node', name: 'reloaded' });
    manager.ready(`serves ${shell.gateway.ues.size} UEs`);
  });
  log.info(
    { ike: addressed.ike.address, amfs: config.n2.amfs.map(({ addresses }) => addresses) },
    'N3IWF is up',
  );
  logFeed(feed, log);
  const exporter = exportTraces(config.traces, feed, log);
  feed.add({ kind: 'node', name: 'up' });
  manager.ready('serves');

  log.info({ why: await ending.asked }, 'the node ends');
  stopReloads();
  manager.stopping(`releases ${shell.gateway.ues.size} UEs`);
  admin?.drain();
  await drainShell(shell, config, ending, log);
  stopKeyWatch();
  await Promise.all([shell.close(), control.close(), admin?.close()]);
  capture.close();
  await Promise.all([keys?.close(), exporter?.close()]);
  manager.close();
  ending.close();
  return ending.atOnce.aborted ? 130 : 0;
}

/** Reads the configuration, opens the log, and tells what an operator should know of both. */
function readAndTell(path: string, options: CaptureOptions): { config: Config; log: NodeLog } {
  const { config, translation, unknownVariables } = readNodeConfig(path);
  const log = openLog(config.log);
  if (translation !== undefined) tell(translation, path, log);
  for (const variable of unknownVariables) log.warn({ variable }, 'it names no key of the configuration');
  warnOfRisks(config, options, log);
  return { config, log };
}

/** What a reload reaches. */
interface ReloadedParts {
  readonly shell: GatewayShell;
  readonly amfs: AmfLinks;
  readonly keys: NodeKeys | undefined;
  readonly log: NodeLog;
  /** As at the start, whatever the file says. */
  readonly exposeKeys: boolean;
}

/** What a reload changes, by way of the shell. */
function reloadedNode({ shell, amfs, keys, log, exposeKeys }: ReloadedParts): ReloadedNode {
  return {
    renewKeySource: (qkd) => keys?.source.renewal?.(qkd) ?? (() => false),
    updateN2: (n2) => shell.updateN2(n2),
    setAmfs: (wanted) => amfs.set(wanted),
    reconfigure: ({ ike, ...change }) =>
      shell.act((gateway) =>
        gateway.reconfigure({ ...change, ...(ike === undefined ? {} : { ike: { ...ike, exposeKeys } }) }),
      ),
    setLogLevel: (level) => {
      log.level = level;
    },
  };
}

/** Sends spans of attaches to the collector of the configuration, if there is one. */
function exportTraces(
  { otlp, serviceName }: Config['traces'],
  feed: EventFeed,
  log: Log,
): OtlpExporter | undefined {
  if (otlp === undefined) return undefined;
  const exporter = new OtlpExporter({ url: otlp, serviceName }, log);
  new AttachSpans(randomOctets, exporter.add).follow(feed);
  return exporter;
}

/** What an operator should know of the configuration each time. */
function warnOfRisks(config: Config, options: CaptureOptions, log: Log): void {
  const { warning } = n2Profile(config.n2.profile);
  if (warning !== undefined) log.warn({ profile: config.n2.profile }, warning);
  if (options.keylog !== undefined)
    log.warn({ folder: options.keylog }, 'keys of every SA are written in clear');
  if (config.ike.policy === 'classical')
    log.warn({ policy: config.ike.policy }, 'nothing protects the SAs against a quantum computer');
}

/** Watches the supply of keys and what operators say of them, where there are keys; returns what ends it. */
function startKeyWatch(
  config: Config,
  keys: NodeKeys | undefined,
  shell: GatewayShell,
  supply: SupplySeenLast,
  control: NodeControl,
  log: Log,
): () => void {
  if (keys === undefined) return () => {};
  return watchKeys({
    peer: config.qkd?.ueSaeId ?? '',
    tamperFile: config.qkd?.tamperFile,
    ...keys,
    node: keyedNode(shell),
    looked: supply.note,
    control,
    log,
  });
}

/** What the admin port shows and reaches. */
interface AdminPortParts {
  readonly config: Config;
  readonly shell: GatewayShell;
  readonly keys: NodeKeys | undefined;
  readonly supply: SupplySeenLast;
  readonly ikeEvents: IkeEventCounts;
  readonly control: NodeControl;
  readonly token: string | undefined;
  readonly log: Log;
}

/** Opens the admin port where the configuration has one. */
async function openAdminPort(
  parts: AdminPortParts,
): Promise<Awaited<ReturnType<typeof openAdmin>> | undefined> {
  const { config, shell, keys, supply, control, token, ...others } = parts;
  const { admin } = config;
  if (admin === undefined) return undefined;
  const api = admin.console ? { answer: control.answer, token } : undefined;
  const { gateway } = shell;
  return await openAdmin({ ...others, admin, gateway, store: keys?.store, keySupply: supply.read, api });
}

/** Ends UEs and interfaces in the time that the configuration gives; a second signal ends the waiting. */
async function drainShell(shell: GatewayShell, config: Config, ending: EndWatch, log: Log): Promise<void> {
  const { atOnce } = ending;
  const result = await drain(
    shell.gateway,
    { totalMs: config.timers.drainSeconds * 1000, atOnce: defaultAtOnce },
    {
      act: (command) => shell.act(command),
      wait: (ms) => pause(ms, atOnce),
      cut: () => atOnce.aborted,
    },
  );
  const level = result.forced + result.unanswered === 0 ? 'info' : 'warn';
  log[level](result, atOnce.aborted ? 'cut short: UEs and AMFs find out by themselves' : 'UEs are released');
}

/** So many ms, or until told that there is no time. */
function pause(ms: number, atOnce: AbortSignal): Promise<void> {
  if (atOnce.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      atOnce.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    atOnce.addEventListener('abort', done);
  });
}

/** What became of each key of free5GC's configuration. */
function tell({ taken, ignored, warnings }: Translation, path: string, log: Log): void {
  for (const { key, as, value } of taken)
    log.info({ key, as, value }, 'taken from the configuration of free5GC');
  for (const { key, why } of ignored) log.warn({ key, why }, 'ignored in the configuration of free5GC');
  for (const warning of warnings) log.warn({ path }, warning);
}
