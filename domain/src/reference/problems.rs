//! Codes of problems.

/// Code and meaning of each problem that a workflow can have, sorted by code.
pub const PROBLEMS: &[(&str, &str)] = &[
    ("Cycle", "Dependency cycle: a step needs itself, directly or through other steps."),
    ("DefaultInvalid", "A default of a JSON Schema violates its own schema, or cannot be applied."),
    (
        "DuplicateName",
        "Duplicate name of a step (names are unique across steps and onExit), a schedule or a secret.",
    ),
    ("DurationInvalid", "A duration is not valid."),
    ("DynamicSecrets", "A secret is not named literally: write secrets.<name>.<key>."),
    ("DynamicSteps", "A step is not named literally: write steps.<name>.<field>."),
    ("ExpressionSyntax", "An expression, or the ${{ }} around it, is not valid."),
    ("ExpressionTooComplex", "An expression, or the loops in it, are nested too deep."),
    ("ExpressionTooLong", "An expression is longer than 4 KiB."),
    (
        "ExpressionsTooLarge",
        "All expressions of the workflow together have more than 50,000 operators, names and literals.",
    ),
    (
        "ImageInvalid",
        "A container image is not a valid reference, or names an address instead of a registry.",
    ),
    (
        "ImageNotAllowed",
        "A container image comes from a registry that the plan does not allow, or belongs to the platform.",
    ),
    ("ItemsInvalid", "forEach.items is neither a list nor one ${{ }} that evaluates to a list."),
    ("ManyBodies", "An HTTP request sets more than one of json, form and text."),
    ("ManyCredentials", "http.auth does not set exactly one of bearer and basic."),
    (
        "MissingSecret",
        "A Secret that spec.secrets names does not exist. The problem clears once the Secret is created.",
    ),
    ("MissingSecretKey", "A Secret does not contain a key that a step reads."),
    (
        "NoAction",
        "A step does not set exactly one of http, python, container, workflow, approval, wait, search and expr.",
    ),
    ("NoSteps", "The workflow has no steps."),
    ("NotAvailable", "The field is not supported in this version."),
    (
        "NotChecked",
        "The workflow could not be checked: that took too long, or failed. It is checked again after ten minutes.",
    ),
    ("NotUpstream", "An expression reads a step that is not a dependency: add it to needs."),
    (
        "NumberTooLarge",
        "A number is beyond the range of 64-bit integers, where integers are rounded: write it as a string.",
    ),
    ("PatternInvalid", "A pattern in matches() is not a regular expression (RE2), or is too large."),
    (
        "PatternsTooLarge",
        "All regular expressions of the workflow, those of expressions and of schemas together, compile to more than about 150,000 states.",
    ),
    (
        "PythonEntryPoint",
        "The code of a python step defines no function that can be called as run(input, ctx).",
    ),
    (
        "PythonSyntax",
        "The code of a python step does not parse. The message gives line and column, counted from 1.",
    ),
    ("QuantityInvalid", "A quantity of bytes is not valid."),
    ("ScheduleInput", "The input of a schedule violates the input schema of the workflow."),
    (
        "ScheduleInvalid",
        "The cron expression or the time zone of a schedule is not valid, or it never occurs.",
    ),
    ("ScheduleTooFrequent", "A schedule starts runs more often than the plan allows (minScheduleInterval)."),
    ("SchemaInvalid", "A JSON Schema is not valid, or uses another dialect than 2020-12."),
    ("SchemaReference", "A JSON Schema refers to another document."),
    ("SchemaTooCostly", "A JSON Schema would take too long to validate against."),
    ("SchemaTooLarge", "A JSON Schema is larger than 64 KiB."),
    ("SchemasTooLarge", "All JSON Schemas of the workflow together are larger than 64 KiB."),
    (
        "SecretNotAllowed",
        "A secret is read where it would be exposed. Secrets are allowed only in http.headers, http.auth and env.",
    ),
    ("SecretNotLabelled", "A Secret does not have the label that permits its use by workflows."),
    (
        "SecretTypeForbidden",
        "A Secret has another type than Opaque, kubernetes.io/basic-auth, kubernetes.io/tls and kubernetes.io/dockerconfigjson.",
    ),
    (
        "SubWorkflowCycle",
        "Sub-workflow cycle: the workflow runs itself, directly or through other workflows.",
    ),
    ("SubWorkflowInput", "The input of a sub-workflow violates the input schema of that workflow."),
    ("TooDeep", "A template or a schema has more than 64 levels of nested lists and objects."),
    ("TooManyItems", "The list in forEach.items has more than 1,000 items."),
    (
        "TooManyProblems",
        "The workflow has more than 100 problems, or their messages are longer than 16 KiB; the others are not listed.",
    ),
    ("TypeMismatch", "An expression reads a field that the declared schema excludes."),
    ("UnknownField", "An expression reads a field that the step does not have."),
    ("UnknownFunction", "An expression calls a function that does not exist."),
    ("UnknownRole", "An approval names a role that does not exist."),
    ("UnknownSecret", "A step reads a secret that spec.secrets does not declare."),
    ("UnknownStep", "A step named in needs, in untilStep or in an expression does not exist."),
    ("UnknownVariable", "A variable does not exist, or is not available in this field."),
    (
        "UnknownWorkflow",
        "A sub-workflow does not exist in the namespace. The problem clears once the Workflow is created.",
    ),
    ("UrlScheme", "A URL does not start with http:// or https://."),
    ("WaitInvalid", "A wait does not set exactly one of for and until, or its untilStep depends on it."),
    ("WaitTooLong", "A wait, or the timeout of an approval, is longer than 90 days."),
    (
        "WorkflowTooLarge",
        "The spec of the workflow takes more than 4 MiB of memory once it is decoded: it has too many lists, objects and values.",
    ),
    (
        "YamlBoolean",
        "Warning, in status.warnings: a field has the name true or false, since an unquoted y, n, yes, no, on or off is a boolean in YAML 1.1.",
    ),
];
