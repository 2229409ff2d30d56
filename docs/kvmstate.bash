# Made from the tables of the command line by `kvmstate generate bash`.
_kvmstate()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' i
    COMPREPLY=()
    case $prev in
    --out | -o)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --allow)
        mapfile -t COMPREPLY < <(compgen -W "restart delete data-loss network" -- "$cur")
        return
        ;;
    --target | -t)
        return
        ;;
    --guest | -g)
        return
        ;;
    --file | -f)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --repo)
        return
        ;;
    --ref)
        return
        ;;
    --path)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --host)
        return
        ;;
    --connect | -c)
        return
        ;;
    --root)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --color)
        mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$cur")
        return
        ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        validate) command=validate ;;
        plan) command=plan ;;
        apply) command=apply ;;
        schema) command=schema ;;
        import) command=import ;;
        doctor) command=doctor ;;
        topology) command=topology ;;
        esac
    done
    case $command in
    validate) mapfile -t COMPREPLY < <(compgen -W "--all --file --repo --ref --path --host --root --json --color --quiet --verbose --debug --help" -- "$cur") ;;
    plan) mapfile -t COMPREPLY < <(compgen -W "--out --detailed-exitcode --allow --target --file --repo --ref --path --host --connect --root --json --color --quiet --verbose --debug --help" -- "$cur") ;;
    apply) mapfile -t COMPREPLY < <(compgen -W "--dry-run --allow --target --file --repo --ref --path --host --connect --root --json --color --quiet --verbose --debug --help" -f -- "$cur") ;;
    schema) mapfile -t COMPREPLY < <(compgen -W "--markdown --color --quiet --verbose --debug --help" -- "$cur") ;;
    import) mapfile -t COMPREPLY < <(compgen -W "--guest --host --connect --root --color --quiet --verbose --debug --help" -- "$cur") ;;
    doctor) mapfile -t COMPREPLY < <(compgen -W "--file --repo --ref --path --host --connect --root --json --color --quiet --verbose --debug --help" -- "$cur") ;;
    topology) mapfile -t COMPREPLY < <(compgen -W "--svg --connect --root --json --color --quiet --verbose --debug --help" -- "$cur") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "validate plan apply schema import doctor topology --help --version" -- "$cur") ;;
    esac
}
complete -F _kvmstate kvmstate
