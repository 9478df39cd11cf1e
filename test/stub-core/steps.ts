import type { LabUeRunner } from '../../n3iwf/cli/lab-ue.ts';
import type { Bench } from './bench.ts';
import { until } from './processes.ts';
import { quantumUeConfig, subscriberOf } from './settings.ts';
import { check, type Step } from './step.ts';

const quiet = () => {};
const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
/** Longer than T3560 and T3550 of the AMF, which are 6 s. */
const pastRetransmission = 8;
const crowd = 20;

/** Opens a UE, runs `action` and closes it whatever came of that. */
async function withUe(
  bench: Bench,
  index: number,
  action: (runner: LabUeRunner) => Promise<void>,
  changes: Parameters<Bench['ue']>[1] = {},
): Promise<void> {
  const runner = await bench.ue(index, changes);
  try {
    await action(runner);
  } finally {
    await bench.closeUe(runner);
  }
}

/** An attach that must fail, at the step that is named. */
async function refused(bench: Bench, index: number, step: RegExp, changes: Parameters<Bench['ue']>[1] = {}) {
  await withUe(
    bench,
    index,
    async (runner) => {
      const reason = await runner.attach(quiet).then(
        () => 'it attached',
        (error: Error) => error.message,
      );
      check(step.test(reason), reason);
      runner.abandon();
    },
    changes,
  );
}

async function pinged(runner: LabUeRunner, count = 3): Promise<void> {
  const { received } = await runner.ping(count);
  check(received === count, `${received} of ${count} pings answered`);
}

const supi = (index: number) => `imsi-${subscriberOf(index).imsi}`;

/** Nothing of a UE is left in the home network. */
async function forgotten(bench: Bench, index: number): Promise<void> {
  await until('the UDM hears that the UE is gone', () => !bench.stub.core.registered.has(supi(index)), 10);
}

/** The steps in order: each uses subscribers of its own, so one that fails leaves the next a fair start. */
export const steps: readonly Step[] = [
  {
    name: 'NG Setup',
    run: async (bench) => {
      await bench.startAmf();
      await bench.startNode();
    },
  },
  {
    name: 'the UE command: registration, session, ping, rekey, release, deregistration',
    run: async (bench) => {
      const { status, output } = await bench.ueCommand(0);
      check(status === 0, output.trim());
    },
  },
  {
    name: 'registration, PDU session, ping, deregistration by the UE',
    run: (bench) =>
      withUe(bench, 1, async (runner) => {
        await runner.attach(quiet);
        await pinged(runner);
        await runner.detach(quiet);
        await forgotten(bench, 1);
      }),
  },
  {
    name: 'deregistration by the UE with its session still up',
    run: (bench) =>
      withUe(bench, 2, async (runner) => {
        await runner.attach(quiet);
        const gone = runner.next('closed', 'deregistration');
        runner.act((ue) => ue.nas.deregister());
        await gone;
        await forgotten(bench, 2);
      }),
  },
  {
    name: 'the UE leaves without a word on NAS',
    run: (bench) =>
      withUe(bench, 3, async (runner) => {
        await runner.attach(quiet);
        const gone = runner.next('closed', 'Delete');
        runner.abandon();
        await gone;
      }),
  },
  {
    name: 'the same UE attaches anew',
    run: (bench) =>
      withUe(bench, 3, async (runner) => {
        await runner.attach(quiet);
        await pinged(runner);
        await runner.detach(quiet);
      }),
  },
  {
    name: 'PDU session release by the network',
    run: (bench) =>
      withUe(bench, 4, async (runner) => {
        await runner.attach(quiet);
        const down = runner.next('sessionDown', 'release by the network');
        bench.stub.core.smContexts.release(supi(4), 1);
        await down;
        const gone = runner.next('closed', 'deregistration');
        runner.act((ue) => ue.nas.deregister());
        await gone;
      }),
  },
  {
    name: 'deregistration by the network',
    run: (bench) =>
      withUe(bench, 5, async (runner) => {
        await runner.attach(quiet);
        bench.stub.core.withdraw(supi(5));
        await sleep(1);
        // This AMF forgets the UE without a word on N2: the UE's next message finds nobody.
        const gone = runner.next('closed', 'the end of a UE that the AMF forgot');
        runner.act((ue) => ue.sessions.release(1));
        await gone;
      }),
  },
  {
    name: 'Authentication Request answered late, after the AMF sent it again',
    run: (bench) => late(bench, 6, { holdDownlink: 1 }),
  },
  {
    name: 'Security Mode Command answered late, after the AMF sent it again',
    run: (bench) => late(bench, 7, { holdDownlink: 2 }),
  },
  {
    name: 'EAP-Success answered late, after the AMF asked for the context again',
    run: (bench) => late(bench, 34, { holdEapSuccess: true }),
  },
  {
    name: 'Registration Accept lost, and sent again by the AMF',
    run: (bench) =>
      withUe(
        bench,
        8,
        async (runner) => {
          await runner.attach(quiet);
          await runner.detach(quiet);
        },
        { holdDownlink: 3 },
      ),
  },
  { name: 'wrong RES*', run: (bench) => refused(bench, 9, /reject/, { wrongResStar: true }) },
  { name: 'network with another K', run: (bench) => refused(bench, 38, /AUTN/) },
  { name: 'network with another K_SEAF', run: (bench) => refused(bench, 39, /NAS security/) },
  {
    name: 'unknown subscriber',
    run: (bench) => refused(bench, 10, /registration/, { imsi: '208930000009999' }),
  },
  {
    name: `${crowd} UEs at once: attach, ping, detach`,
    run: async (bench) => {
      const before = bench.stub.core.smContexts.count;
      const runners = await Promise.all(Array.from({ length: crowd }, (_, at) => bench.ue(11 + at)));
      try {
        await Promise.all(runners.map((runner) => runner.attach(quiet)));
        for (const runner of runners) await pinged(runner, 1);
        await Promise.all(runners.map((runner) => runner.detach(quiet)));
      } finally {
        for (const runner of runners) await bench.closeUe(runner);
      }
      const left = bench.stub.core.smContexts.count - before;
      check(left === 0, `${left} SM contexts are left`);
    },
  },
  {
    name: 'AMF killed with a UE attached, and started again',
    run: (bench) => restarted(bench, 32, 'SIGKILL'),
  },
  {
    name: 'AMF ended in order with a UE attached, and started again',
    run: (bench) => restarted(bench, 33, 'SIGTERM'),
  },
  {
    name: 'the N3IWF ends in order',
    run: async (bench) => {
      const status = await bench.stopNode();
      check(status === 0, `exit status ${status}`);
    },
  },
  {
    name: 'QKD keys for AUTH and in the Child SAs: the UE command, with key managers on both sides',
    run: async (bench) => {
      await bench.startQuantumNode();
      const { status, output } = await bench.ueCommand(36, quantumUeConfig(bench.quantumFolder));
      check(status === 0, output.trim());
      check((await bench.stopNode()) === 0, 'the N3IWF did not end in order');
    },
  },
  {
    name: "the N3IWF by free5GC's own configuration file",
    run: async (bench) => {
      await bench.startNodeByFree5gcFile();
      await withUe(bench, 35, async (runner) => {
        await runner.attach(quiet);
        await pinged(runner);
        await runner.detach(quiet);
      });
      const status = await bench.stopNode();
      check(status === 0, `exit status ${status}`);
    },
  },
];

/** What `changes` hold back is answered only after the AMF's timer has sent it a second time. */
function late(bench: Bench, index: number, changes: Parameters<Bench['ue']>[1]): Promise<void> {
  return withUe(
    bench,
    index,
    async (runner) => {
      const attached = runner.attach(quiet);
      attached.catch(quiet); // awaited below
      await sleep(pastRetransmission);
      runner.act((ue) => ue.resume());
      await attached;
      await pinged(runner);
      await runner.detach(quiet);
    },
    changes,
  );
}

let setUps = 1;

/** The AMF goes: its UEs are told. It comes back: NG Setup by itself, and the same UE attaches again. */
async function restarted(bench: Bench, index: number, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  await withUe(bench, index, async (runner) => {
    await runner.attach(quiet);
    const gone = runner.next('closed', 'the end of a UE whose AMF is gone');
    gone.catch(quiet); // awaited below
    await bench.stopAmf(signal);
    await gone;
  });
  await bench.startAmf();
  await bench.setUps(++setUps);
  await withUe(bench, index, async (runner) => {
    await runner.attach(quiet);
    await pinged(runner);
    await runner.detach(quiet);
  });
}
