//! The lists of what tasks can use and have used: `ah runtimes`, `ah executors`, `ah repos`,
//! `ah projects`, `ah workspaces`.

use ah_rest_api_contract::{
    Page, PageRequest, RepositoryQuery, TaskManager, TaskManagerError, WorkspaceQuery,
};
use serde::Serialize;

use crate::args::{ReposArgs, WorkspacesArgs};
use crate::clock;
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::style::Paint;
use crate::table::{Cell, Column, table};
use crate::text;

pub(super) async fn runtimes(context: &Context) -> Result<ExitCode, Failure> {
    let columns = [Column::kept("TYPE"), Column::last("SANDBOXES")];
    let read = async |manager: &dyn TaskManager, page| manager.list_runtimes(page).await;
    list(context, &columns, "no runtimes", read, |runtime| {
        vec![
            Cell::new(Paint::Bold, runtime.runtime_type.to_string()),
            Cell::new(Paint::Plain, runtime.sandbox_profiles.join(",")),
        ]
    })
    .await
}

pub(super) async fn executors(context: &Context) -> Result<ExitCode, Failure> {
    let columns = [
        Column::kept("ID"),
        Column::kept("HEALTH"),
        Column::dropped("SYSTEM", 1),
        Column::last("WORKSPACES"),
    ];
    let read = async |manager: &dyn TaskManager, page| manager.list_executors(page).await;
    list(context, &columns, "no executors", read, |executor| {
        let providers = executor.snapshot_capabilities.iter();
        let providers: Vec<String> = providers.map(ToString::to_string).collect();
        vec![
            Cell::new(Paint::Bold, executor.id.to_string()),
            Cell::new(Paint::Plain, executor.health.to_string()),
            Cell::new(Paint::Plain, format!("{} {}", executor.os, executor.arch)),
            Cell::new(Paint::Plain, providers.join(",")),
        ]
    })
    .await
}

pub(super) async fn repos(args: ReposArgs, context: &Context) -> Result<ExitCode, Failure> {
    let now = clock::now();
    let columns = [
        Column::kept("NAME"),
        Column::dropped("BRANCH", 2),
        Column::dropped("USED", 1),
        Column::last("ADDRESS"),
    ];
    let read = async |manager: &dyn TaskManager, page| {
        let query = RepositoryQuery {
            tenant_id: args.tenant.clone(),
            project_id: args.project.clone(),
            page,
        };
        manager.list_repositories(query).await
    };
    list(context, &columns, "no repositories", read, |repository| {
        let used = repository
            .last_used_at
            .map(|used| text::age(now.since(used)));
        vec![
            Cell::new(Paint::Bold, text::one_line(&repository.display_name)),
            Cell::new(
                Paint::Plain,
                text::one_line(repository.default_branch.as_deref().unwrap_or("–")),
            ),
            Cell::new(Paint::Dim, used.unwrap_or_default()),
            Cell::new(Paint::Plain, text::one_line(&repository.remote_url)),
        ]
    })
    .await
}

pub(super) async fn projects(context: &Context) -> Result<ExitCode, Failure> {
    let now = clock::now();
    let columns = [Column::kept("ID"), Column::last("USED")];
    let read = async |manager: &dyn TaskManager, page| manager.list_projects(page).await;
    list(context, &columns, "no projects", read, |project| {
        vec![
            Cell::new(Paint::Bold, text::one_line(&project.id)),
            Cell::new(Paint::Dim, text::age(now.since(project.last_used_at))),
        ]
    })
    .await
}

pub(super) async fn workspaces(
    args: WorkspacesArgs,
    context: &Context,
) -> Result<ExitCode, Failure> {
    let now = clock::now();
    let columns = [
        Column::kept("SESSION"),
        Column::kept("STATUS"),
        Column::dropped("EXECUTOR", 1),
        Column::dropped("AGE", 2),
        Column::last("PATH"),
    ];
    let read = async |manager: &dyn TaskManager, page| {
        let statuses = args.status.clone();
        manager
            .list_workspaces(WorkspaceQuery { statuses, page })
            .await
    };
    list(context, &columns, "no workspaces", read, |workspace| {
        vec![
            Cell::new(Paint::Accent, workspace.id.to_string()),
            Cell::new(Paint::Plain, workspace.status.to_string()),
            Cell::new(Paint::Plain, workspace.executor_id.to_string()),
            Cell::new(Paint::Dim, text::age(now.since(workspace.created_at))),
            Cell::new(
                Paint::Plain,
                text::one_line(&workspace.path.display().to_string()),
            ),
        ]
    })
    .await
}

/// Reads all pages of a list and prints it, or a hint that it is empty.
async fn list<T: Serialize>(
    context: &Context,
    columns: &[Column],
    none: &str,
    read: impl AsyncFn(&dyn TaskManager, PageRequest) -> Result<Page<T>, TaskManagerError>,
    row: impl Fn(&T) -> Vec<Cell>,
) -> Result<ExitCode, Failure> {
    context
        .with_manager_until_interrupted(async |manager| {
            let page = Page::all(|page| read(&**manager, page)).await?;
            if page.items.is_empty() && !context.json {
                context.terminal.hint(none);
                return Ok(ExitCode::Ok);
            }
            context.show(&page, || {
                let rows = page.items.iter().map(&row).collect();
                table(columns, rows, context.terminal.columns())
            })?;
            Ok(ExitCode::Ok)
        })
        .await
}
