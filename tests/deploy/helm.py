"""`helm template` and `helm lint`, by Helm's own library. A program of its own: see manifests.

    python helm.py render|lint CHART < values.json

Prints JSON: of `render` the manifests by the names of their templates, or a text that says why there are none.
"""

import json
import sys

import helm_python


def main() -> None:
    verb, path = sys.argv[1:]
    values = json.load(sys.stdin)
    if verb == "lint":
        sys.stdout.write(json.dumps(helm_python.lint(path, values, strict=True)))
        return
    try:
        with helm_python.Chart.load(path) as chart:
            chart.validate_schema(values)
            sys.stdout.write(json.dumps(chart.render(values, name="gate", namespace="shop")))
    except helm_python.HelmError as error:
        sys.stdout.write(json.dumps(str(error)))


if __name__ == "__main__":
    main()
