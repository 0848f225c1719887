// npm run build: everything that the commands run.
import { prepare } from './prepare.mjs';

prepare();
