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

func up(args []string) error {
	options, err := parseUp(args)
	if err != nil {
		return err
	}
	return launch.Up(options)
}

func parseUp(args []string) (launch.Options, error) {
	options := launch.Options{Out: os.Stdout}
	s := &options.Spec
	flags := flag.NewFlagSet("smb-kube up", flag.ContinueOnError)
	flags.StringVar(&s.State, "state", "", "state directory, made if need be")
	flags.StringVar(&s.Instance, "instance", "dev", "name of the instance")
	flags.StringVar((*string)(&s.Mode), "mode", string(spec.Node), "control-plane (no pods) or node")
	flags.IntVar(&s.KubePort, "kube-port", 0, "port of 127.0.0.1 for the API server")
	flags.Func("forward", "HOSTPORT=NODEPORT: lead a port of 127.0.0.1 to a node port; may be repeated", func(value string) error {
		forward, err := spec.ParseForward(value)
		s.Forwards = append(s.Forwards, forward)
		return err
	})
	flags.StringVar(&s.CgroupRoot, "cgroup", "", "control group of all pods (default: derived from instance and state directory)")
	flags.BoolVar(&s.Audit, "audit", false, "write all requests, without bodies, to logs/audit.jsonl")
	flags.DurationVar(&options.Timeout, "timeout", 2*time.Minute, "give up after this time")
	flags.BoolVar(&options.Foreground, "foreground", false, "stay until the instance ends")
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

// parse refuses arguments that belong to no flag.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s: unexpected argument %q", flags.Name(), flags.Arg(0))
	}
	return nil
}

// stateDir makes the path absolute and free of links, since an instance is known by it.
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
	return absolute, nil // not made yet
}
