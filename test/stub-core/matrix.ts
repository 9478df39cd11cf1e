/**
 * The matrix of a real AMF against this N3IWF and the simulated UE, inside a kernel that has SCTP:
 *   matrix.ts AMF-BINARY OUTPUT-FOLDER
 * prints one line per step, `NAME: pass` or `NAME: fail: WHY`; the exit status is 0 only if all of them passed. The
 * output folder gets the capture of NWu and N2 with its key log, and the logs of the AMF and of the N3IWF.
 */
import { Bench } from './bench.ts';
import { runSteps } from './step.ts';
import { steps } from './steps.ts';

const [amf = '', folder = ''] = process.argv.slice(2);
process.exit(await runSteps(await Bench.at(amf, folder), steps));
