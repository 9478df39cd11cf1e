import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { Free5gcUe, type Free5gcUeOptions } from './n3iwue.ts';
import { nwu, openNwu, prepareKernel } from './network.ts';
import { until } from './processes.ts';
import { address, free5gcFile, subscriberOf } from './settings.ts';
import { check, type Step } from './step.ts';

const innerPrefix = '10.0.0';
const pings = 5;
/** Of the UE's liveness checks, and how long the one that stays waits for some. */
const dpd = { interval: '1s', watchSeconds: 4 };
const supi = (index: number) => `imsi-${subscriberOf(index).imsi}`;

/** The steps with free5GC's UE and its configuration file of the N3IWF; `binary` is that of n3iwue. */
export function n3iwueSteps(binary: string, xfrmModule: string | undefined): readonly Step[] {
  const ue = ({ options }: Bench, index: number, changes: Partial<Free5gcUeOptions> = {}) =>
    Free5gcUe.start({
      binary,
      folder: join(options.folder, `n3iwue-${index}`),
      index,
      number: 0,
      n3iwf: { outer: nwu.ours, inner: `${innerPrefix}.1` },
      pings,
      ...changes,
    });
  return [
    {
      name: "NG Setup of the N3IWF by free5GC's configuration file",
      run: async (bench) => {
        await prepareKernel(xfrmModule);
        await openNwu();
        await bench.startAmf();
        const files = await bench.certificate();
        const of = { n3iwfId: 135, name: 'ours', ike: nwu.ours, innerPrefix, gtpu: address.n3iwf, ...files };
        await bench.run('n3iwfcfg', () => free5gcFile(of), bench.captureAs('n3iwue'));
      },
    },
    {
      name: 'n3iwue: registration, PDU session, ping, liveness checks, deregistration',
      run: async (bench) => {
        const one = await ue(bench, 0, { dpdInterval: dpd.interval });
        await attachedAndGone(bench, one, 0, dpd.watchSeconds);
        check(/DPD/.test(one.output()), 'no liveness check');
      },
    },
    {
      name: 'n3iwue ends without a word, and comes again under the same IKE SPI',
      run: async (bench) => {
        const lost = await ue(bench, 1);
        await lost.attached();
        await lost.kill();
        await attachedAndGone(bench, await ue(bench, 1), 1);
      },
    },
    {
      name: 'two n3iwue at once, both with the same IKE SPI and the same ESP SPI',
      run: async (bench) => {
        const both = [await ue(bench, 2), await ue(bench, 3, { number: 1 })];
        const settled = await Promise.allSettled(both.map((each) => each.attached()));
        const left = await Promise.all(both.map((each) => each.leave()));
        for (const each of settled) if (each.status === 'rejected') throw each.reason;
        check(left.every(Boolean), 'one did not end by itself');
      },
    },
    {
      name: 'the N3IWF ends in order',
      run: async (bench) => {
        const status = await bench.stopNode();
        check(status === 0, `exit status ${status}`);
      },
    },
  ];
}

/** All of its pings were answered, it leaves in order, and the home network has forgotten it. */
async function attachedAndGone(bench: Bench, ue: Free5gcUe, index: number, stays = 0): Promise<void> {
  await ue.attached().catch(async (error: unknown) => {
    await ue.kill();
    throw error;
  });
  const answered = ue.output().match(/^(\d+) packets transmitted, \1 received/gm)?.length;
  await new Promise((resolve) => setTimeout(resolve, stays * 1000));
  const byItself = await ue.leave();
  check(answered === 3, `${answered} of 3 hosts answered all`);
  check(byItself, `it did not end by itself: ${ue.faults()}`);
  await until('the UDM hears that the UE is gone', () => !bench.stub.core.registered.has(supi(index)), 10);
}
