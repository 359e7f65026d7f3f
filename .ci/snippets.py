"""Runs what examples/ci shows. Called by .ci/snippets, which says with what."""

import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

import yaml

SOURCE, WORK = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
EXAMPLES = SOURCE / "examples/ci"

GOOD = """apiVersion: v1
kind: Pod
metadata: {name: web, namespace: orders}
spec:
  dnsPolicy: ClusterFirst
  containers: [{name: web, image: web}]
"""
WRONG = GOOD.replace("ClusterFirst", "clusterfirst")

# Fine on its own; wrong beside a Service `db` in the namespace `com`, which only another file tells.
CAPTURED = GOOD.replace("image: web}", "image: web, env: [{name: DB_HOST, value: db.com}]}")
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: com}\nspec: {ports: [{port: 80}]}\n"


def run(*command, folder, env=None):
    """Status and output of a command."""
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.returncode, done.stdout


def must(condition, what, output=""):
    if not condition:
        sys.exit(f"error: {what}\n{output}")


def git(folder, *words):
    identity = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com")
    status, output = run("git", *identity, *words, folder=folder)
    must(status == 0, f"git {' '.join(words)} failed", output)
    return output.strip()


def repository(name, **files):
    """A repository with these files staged."""
    folder = WORK / name
    (folder / "k8s").mkdir(parents=True)
    git(folder, "init", "--quiet")
    for file, content in files.items():
        (folder / "k8s" / f"{file}.yaml").write_text(content)
    git(folder, "add", "--all")
    return folder


def this_repository():
    """A clone of this repository as it is now, committed or not."""
    clone = WORK / "dnsprobe"
    git(SOURCE, "clone", "--quiet", str(SOURCE), str(clone))
    for path in [".pre-commit-hooks.yaml", ".pre-commit/dnsprobe", "Cargo.toml", "Cargo.lock"]:
        target = clone / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((SOURCE / path).read_bytes())
        target.chmod((SOURCE / path).stat().st_mode)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "as it is")
    return clone, git(clone, "rev-parse", "HEAD")


def pre_commit():
    clone, revision = this_repository()
    status, output = run("pre-commit", "validate-manifest", ".pre-commit-hooks.yaml", folder=clone)
    must(status == 0, "the hooks are not as pre-commit wants them", output)
    example = yaml.safe_load((EXAMPLES / "pre-commit-config.yaml").read_text())
    shown = example["repos"][0]["hooks"]

    def hook(folder, hooks):
        config = {"repos": [{"repo": str(clone), "rev": revision, "hooks": hooks}]}
        (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
        git(folder, "add", "--all")
        return run("pre-commit", "run", "--verbose", folder=folder)

    folder = repository("hooks", web=WRONG)
    for hooks in [shown, [{"id": "dnsprobe-lint-files"}], [{"id": "dnsprobe-lint-system"}]]:
        status, output = hook(folder, hooks)
        must(status == 1 and "DP101" in output and "k8s/web.yaml:5:14" in output, f"{hooks} found nothing", output)
    (folder / "k8s/web.yaml").write_text(GOOD)
    for hooks in [shown, [{"id": "dnsprobe-lint-files"}], [{"id": "dnsprobe-lint-system"}]]:
        status, output = hook(folder, hooks)
        must(status == 0 and "no findings" in output, f"{hooks} failed", output)

    # Only the hook that looks at everything knows the Service, which is not among what is committed now.
    folder = repository("together", service=SERVICE)
    git(folder, "commit", "--quiet", "--message", "service")
    (folder / "k8s/web.yaml").write_text(CAPTURED)
    status, output = hook(folder, [{"id": "dnsprobe-lint", "args": ["."]}])
    must("DP411" in output, "the whole repository was not looked at", output)
    status, output = hook(folder, [{"id": "dnsprobe-lint-files"}])
    must("DP411" not in output and "k8s/web.yaml" in output, "more than the changed files was looked at", output)


def action_step(step, inputs, env, folder):
    """Runs a step of the action as the runner does: expressions become variables, the script is bash's."""
    known = {f"inputs.{name}": value for name, value in inputs.items()}
    known["github.action_path"] = str(SOURCE / ".github/actions/lint")
    fill = lambda text: re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda found: known[found[1]], text)
    must("${{" not in step["run"], "a script of the action holds an expression")
    must(step["shell"] == "bash", "a step of a composite action needs its shell")
    variables = {name: fill(value) for name, value in step.get("env", {}).items()}
    script = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"])
    return run(*script, folder=folder, env={**env, **variables})


def action():
    description = yaml.safe_load((SOURCE / ".github/actions/lint/action.yml").read_text())
    must(description["runs"]["using"] == "composite", "the action is not composite")
    source = SOURCE / ".github/actions/lint" / "../../../crates/dnsprobe/Cargo.toml"
    must(source.exists(), "the action looks for the program in the wrong place")
    workflow = yaml.safe_load((EXAMPLES / "github-workflow.yaml").read_text())
    steps = workflow["jobs"]["lint"]["steps"]
    given = next(step["with"] for step in steps if step.get("uses", "").split("@")[0].endswith(".github/actions/lint"))
    must(set(given) <= set(description["inputs"]), "the workflow gives inputs that the action does not have")
    inputs = {name: it.get("default", "") for name, it in description["inputs"].items()} | given
    for name, content, expected in [("wrong", WRONG, 1), ("good", GOOD, 0)]:
        folder = repository(f"action-{name}", web=content)
        env = {"RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(folder / "out"), "GITHUB_PATH": str(folder / "path")}
        build, lint = description["runs"]["steps"]
        status, output = action_step(build, inputs, env, folder)
        must(status == 0 and not (folder / "path").exists(), "an installed dnsprobe was built again", output)
        status, output = action_step(lint, inputs, env, folder)
        must(status == expected, f"the action ended with {status}", output)
        must(("::error file=k8s/web.yaml,line=5," in output) == (expected == 1), "no annotation", output)
        must((folder / "out").read_text() == f"sarif-file={inputs['sarif-file']}\n", "no output")
        log = json.loads((folder / inputs["sarif-file"]).read_text())
        found = [result["ruleId"] for result in log["runs"][0]["results"]]
        must(found == (["DP101"] if expected else []), f"SARIF holds {found}")
    # Several paths, and one that is no code.
    folder = repository("action-paths", **{"a": WRONG, "$(touch b)": WRONG})
    env = {"RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(folder / "out")}
    paths = {"path": "k8s/a.yaml\nk8s/$(touch b).yaml\n", "sarif-file": ""}
    status, output = action_step(lint, inputs | paths, env, folder)
    must(status == 1 and output.count("::error ") == 2 and not (folder / "b").exists(), "paths are not taken as such", output)


def gitlab():
    job = yaml.safe_load((EXAMPLES / "gitlab-ci.yaml").read_text())["dnsprobe"]
    script = "\n".join(["set -eo pipefail", *job["before_script"], *job["script"]])
    for name, content, expected in [("wrong", WRONG, 1), ("good", GOOD, 0)]:
        folder = repository(f"gitlab-{name}", web=content)
        status, output = run("bash", "-c", script, folder=folder)
        must(status == expected, f"the job ended with {status}", output)
        suites = xml.parse(folder / job["artifacts"]["reports"]["junit"]).getroot()
        must(int(suites.get("failures")) == expected, "the JUnit report counts differently")


pre_commit()
action()
gitlab()
print("hooks, action and snippets find what is wrong, and nothing where nothing is")
