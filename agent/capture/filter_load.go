package capture

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
)

// loadKernelFilter loads the embedded program and its maps.
func loadKernelFilter(cfg *LiveConfig) (*filterObjects, error) {
	// Kernels before 5.11 charge maps to RLIMIT_MEMLOCK. Raising it needs
	// CAP_SYS_RESOURCE; without it the maps may still fit, so try.
	_ = rlimit.RemoveMemlock()
	spec, err := loadFilter()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded eBPF object: %w", err)
	}
	if err := setFilterVariables(spec, cfg); err != nil {
		return nil, err
	}
	objects := new(filterObjects)
	if err := spec.LoadAndAssign(objects, nil); err != nil {
		return nil, fmt.Errorf("loading the eBPF filter: %w", firstLine(err))
	}
	return objects, nil
}

func setFilterVariables(spec *ebpf.CollectionSpec, cfg *LiveConfig) error {
	var ports [1 << 16 / 64]uint64
	for _, p := range cfg.SIPPorts {
		ports[p>>6] |= 1 << (p & 63)
	}
	for name, value := range map[string]any{
		filterVarSipPorts:    ports,
		filterVarPassTunnels: bit(cfg.Tunnels),
		filterVarPassRtcp:    bit(cfg.RTCP),
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("setting %s of the eBPF filter: %w", name, err)
		}
	}
	for _, name := range []string{filterMapMedia, filterMapMore} {
		spec.Maps[name].MaxEntries = uint32(cfg.MaxEndpoints)
	}
	return nil
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// firstLine keeps the verifier's log, which is long, out of the error's text.
func firstLine(err error) error {
	var verifier *ebpf.VerifierError
	if errors.As(err, &verifier) {
		return fmt.Errorf("%w (the verifier refused it)", verifier.Cause)
	}
	return err
}
