// Fails where the document is no OpenAPI document of version 3.1, and prints why.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";

const file = process.argv[2];
const validator = new Validator();
for (const name of ["job", "result", "notice"]) {
  const path = `schema/${name}.schema.json`;
  await validator.addSpecRef(JSON.parse(await readFile(join(dirname(file), path), "utf8")), path);
}
const { valid, errors } = await validator.validate(file);
if (!valid || validator.version !== "3.1") {
  console.error(`${file}: version ${validator.version}:`, errors);
  process.exit(1);
}
console.log(`${file}: ${Object.keys(validator.specification.paths).length} paths`);
