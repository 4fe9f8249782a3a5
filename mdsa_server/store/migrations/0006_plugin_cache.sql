-- What plugins would have to work out again: by the plugin's name, under keys of its own.
create table plugin_cache (
    plugin text not null,
    key    text not null,
    value  blob not null,
    -- When it was put there. Seconds since 1970, in UTC.
    put    real not null,
    primary key (plugin, key)
) strict;
