package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"smbcopilot.dev/local/kube/internal/launch"
	"smbcopilot.dev/local/kube/internal/spec"
)

// up starts an instance.
func up(args []string) error {
	options, err := parseUp(args)
	if err != nil {
		return err
	}
	return launch.Up(options)
}

// parseUp parses the flags of `smb-kube up`.
func parseUp(args []string) (launch.Options, error) {
	options := launch.Options{Out: os.Stdout}
	s := &options.Spec
	flags := flag.NewFlagSet("smb-kube up", flag.ContinueOnError)
	flags.StringVar(&s.State, "state", "", "state directory, which is created if it does not exist")
	flags.StringVar(&s.Instance, "instance", "dev", "name of the instance")
	flags.StringVar((*string)(&s.Mode), "mode", string(spec.Node), "control-plane (no pods) or node")
	flags.IntVar(&s.KubePort, "kube-port", 0, "port of 127.0.0.1 for the API server")
	flags.Func("forward", "HOSTPORT=NODEPORT: forward a port of 127.0.0.1 to a node port; may be repeated", func(value string) error {
		forward, err := spec.ParseForward(value)
		s.Forwards = append(s.Forwards, forward)
		return err
	})
	flags.StringVar(&s.CgroupRoot, "cgroup", "", "control group of all pods (default: derived from the instance and the state directory)")
	flags.BoolVar(&s.Audit, "audit", false, "log all API requests, without bodies, to logs/audit.jsonl")
	flags.DurationVar(&options.Timeout, "timeout", 2*time.Minute, "time after which the start is aborted")
	flags.BoolVar(&options.Foreground, "foreground", false, "run in the foreground until the instance ends")
	if err := parse(flags, args); err != nil {
		return options, err
	}
	state, err := stateDir(s.State)
	if err != nil {
		return options, err
	}
	s.State = state
	if s.CgroupRoot == "" {
		s.CgroupRoot = spec.DefaultCgroupRoot(s.Instance, state)
	}
	return options, nil
}

// parse parses the flags and returns an error for arguments that belong to no flag.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s: unexpected argument %q", flags.Name(), flags.Arg(0))
	}
	return nil
}

// stateDir returns the absolute path without symbolic links, since it identifies an instance.
func stateDir(path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("--state is required")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("failed to make %s absolute: %w", path, err)
	}
	if resolved, err := filepath.EvalSymlinks(absolute); err == nil {
		return resolved, nil
	}
	return absolute, nil // does not exist yet
}
