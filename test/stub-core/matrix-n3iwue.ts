/**
 * free5GC's own UE (n3iwue) against this N3IWF, which reads free5GC's configuration file, beside a real AMF, inside a
 * kernel that has SCTP and XFRM interfaces:
 *   matrix-n3iwue.ts AMF-BINARY N3IWUE-BINARY OUTPUT-FOLDER [XFRM-INTERFACE-MODULE]
 * prints and writes as matrix.ts does.
 */
import { Bench } from './bench.ts';
import { runSteps } from './step.ts';
import { n3iwueSteps } from './steps-n3iwue.ts';

const [amf = '', binary = '', folder = '', xfrmModule] = process.argv.slice(2);
process.exit(await runSteps(await Bench.at(amf, folder), n3iwueSteps(binary, xfrmModule)));
