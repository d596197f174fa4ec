-- How often each check ran, passed and warned on each day of the last 90 days with a run.
select
    check_name,
    ran_on,
    sum(runs)::integer as runs,
    sum(passes)::integer as passes,
    sum(warnings)::integer as warnings
from {audit}.ops_check_days
where ran_on > (select max(ran_on) from {audit}.ops_check_days) - 90
group by check_name, ran_on
order by check_name, ran_on
